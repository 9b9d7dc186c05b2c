"""Ends connections on which a large body was refused, so that the answer arrives and the body doesn't."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Up to here reading the rest is cheaper than a new connection.
SMALL_BYTES = 65_536
# How long, and how much, is still thrown away.
LINGER_SECONDS = 2.0
LINGER_BYTES = 4_194_304


class UnreadBody:
    """Closes the connection behind an answer that came before its request's body.

    Kept alive, the server would read all of that body and throw it away. Closed at once, the kernel
    would reset the connection under a client that is still sending, which may then never see the
    answer. So the answer goes out whole, what comes is thrown away for two seconds or until the client
    hangs up, and then the connection is closed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, keeping back nothing but the end of the last message."""
        if scope["type"] != "http" or not _announces_large_body(scope):
            await self.app(scope, receive, send)
            return
        has_arrived = is_unread = False

        async def watching() -> Message:
            nonlocal has_arrived
            message = await receive()
            has_arrived = has_arrived or not message.get("more_body", False)
            return message

        async def closing(message: Message) -> None:
            nonlocal is_unread
            if message["type"] == "http.response.start" and not has_arrived:
                is_unread = True
                MutableHeaders(scope=message)["Connection"] = "close"
            if is_unread and message["type"] == "http.response.body":
                message = {**message, "more_body": True}
            await send(message)

        await self.app(scope, watching, closing)
        if is_unread:
            await _until_gone(receive)
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def _announces_large_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    length = headers.get("content-length", "0")
    return "transfer-encoding" in headers or not length.isdigit() or int(length) > SMALL_BYTES


async def _until_gone(receive: Receive) -> None:
    thrown_away = 0
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while thrown_away <= LINGER_BYTES and (message := await receive()).get("more_body", False):
                thrown_away += len(message.get("body", b""))
    except TimeoutError:
        return
