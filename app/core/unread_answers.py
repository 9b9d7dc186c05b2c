"""Ends connections of clients that don't read their answers, whatever the answer is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.exceptions import TooSlow
from app.core.pace import Pace

# So much is handed to the server at a time: what is more than it buffers is waited for.
SLICE_BYTES = 65_536
# Where the server says how a connection is dropped; ASGI has no word for it.
ABORT = "holdfast.abort"
# Where it says how many bytes of its answers the client has not taken yet.
UNTAKEN = "holdfast.untaken"
GONE_SECONDS = 1.0
_PACE = "holdfast.pace"
log = structlog.get_logger()


def reader_pace(scope: Scope) -> Pace:
    """The pace of the client that reads this request's answer."""
    pace: Pace = scope[_PACE]
    return pace


class UnreadAnswers:
    """Hands each answer on in slices, and waits for each slice no longer than `Pace` allows.

    A server's `send` returns as long as its buffer has room. The end of the answer is kept back until that buffer
    has drained, so that a large answer counts as sent only when the kernel has all of it. The kernel's own buffers
    count as read.

    Args:
        idle_timeout_seconds, min_bytes_per_second: of `Pace`.
    """

    def __init__(self, app: ASGIApp, idle_timeout_seconds: float, min_bytes_per_second: int) -> None:
        self.app = app
        self._pace = idle_timeout_seconds, min_bytes_per_second

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; where the client falls behind, drop the connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        pace = scope[_PACE] = Pace(*self._pace, untaken_bytes=scope.get("extensions", {}).get(UNTAKEN))
        is_cut = False

        async def paced(message: Message) -> None:
            nonlocal is_cut
            try:
                for piece in _slices(message):
                    await pace.wait_for(send(piece))
                    pace.count(piece.get("body", b""))
            except TooSlow:
                is_cut = True
                raise

        try:
            await self.app(scope, receive, paced)
        except Exception:
            if not is_cut:
                raise
            # Whatever became of the refusal to wait on its way here.
            log.info("reader_cut_off")
            await _drop(scope, receive)


def _slices(message: Message) -> Iterator[Message]:
    """The same in pieces, one at a time; the end comes by itself, after the last of them."""
    body = message.get("body", b"")
    if not body:
        yield message
        return
    for begin in range(0, len(body), SLICE_BYTES):
        yield {"type": message["type"], "body": body[begin : begin + SLICE_BYTES], "more_body": True}
    if not message.get("more_body", False):
        yield {"type": message["type"], "body": b"", "more_body": False}


async def _drop(scope: Scope, receive: Receive) -> None:
    """Reset the connection if the server lets us; else it closes one whose answer was not completed."""
    abort: Callable[[], None] | None = scope.get("extensions", {}).get(ABORT)
    if abort is None:
        return
    abort()
    async with asyncio.timeout(GONE_SECONDS):
        while (await receive())["type"] != "http.disconnect":
            continue
