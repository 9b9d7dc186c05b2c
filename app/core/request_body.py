"""Requests' bodies, with the patience of a server that others are waiting for too."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.exceptions import TooLarge
from app.core.pace import Pace

TOO_LARGE = "The body is larger than this address takes."


async def paced_body(request: Request, pace: Pace) -> AsyncIterator[bytes]:
    """The body's chunks as they arrive.

    Raises:
        TooSlow: the client falls behind the pace.
        ClientDisconnect: the client is gone.
    """
    stream = request.stream()
    while True:
        try:
            chunk = await pace.wait_for(anext(stream))
        except StopAsyncIteration:
            return
        if chunk:
            pace.count(chunk)
            yield chunk


class BodyLimit:
    """Bounds bodies in size and time, but those of the routes that are named: they see to it by themselves.

    Starlette's own limit answers in plain text, past the problems and the request id.

    Args:
        max_bytes: of a body, declared or found out; more is refused with 413.
        idle_timeout_seconds, min_bytes_per_second: `Pace`; a slower one is refused with 408.
        streamed_routes: names of routes that read their body piece by piece.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int,
        idle_timeout_seconds: float,
        min_bytes_per_second: int,
        streamed_routes: frozenset[str],
    ) -> None:
        self.app = app
        self._max_bytes = max_bytes
        self._pace = idle_timeout_seconds, min_bytes_per_second
        self._streamed_routes = streamed_routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, counting what is received."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = int(Headers(scope=scope).get("content-length", "0"))
        pace, received, has_ended = Pace(*self._pace), 0, False

        async def counted() -> Message:
            nonlocal received, has_ended
            # Which route it is, is known by the time that somebody reads the body.
            if has_ended or getattr(scope.get("route"), "name", None) in self._streamed_routes:
                return await receive()
            if declared > self._max_bytes:
                raise TooLarge(TOO_LARGE)
            message = await pace.wait_for(receive())
            body = message.get("body", b"")
            pace.count(body)
            received += len(body)
            if received > self._max_bytes:
                raise TooLarge(TOO_LARGE)
            has_ended = not message.get("more_body", False)
            return message

        await self.app(scope, counted, send)
