"""How a connection ends whose client doesn't read: a server's own close would wait for it for ever."""

from __future__ import annotations

import asyncio
import socket
import struct

from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.http_protocol import BoundedHttpProtocol
from app.core.unread_answers import ABORT

# What the kernel takes before it was sent. Its own limit is 4 MiB a connection, which a stalled reader would fill.
UNSENT_BYTES = 131_072
# How long the rest of an answer may take when the connection is closed already.
CLOSING_SECONDS = 30.0
NO_LINGER = struct.pack("ii", 1, 0)
TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", None)


class EndingHttpProtocol(BoundedHttpProtocol):
    """One connection, whose end doesn't depend on the client."""

    _closing_timer: asyncio.TimerHandle | None = None
    _is_lost = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Bound what the kernel buffers, and tell the application how to drop the connection."""
        super().connection_made(transport)
        self.app = _with_abort(self.app, self._abort)
        connection = transport.get_extra_info("socket")
        if TCP_NOTSENT_LOWAT is not None and connection.family in {socket.AF_INET, socket.AF_INET6}:
            connection.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._is_lost = True
        if self._closing_timer is not None:
            self._closing_timer.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """An answer is complete; without keep-alive the connection is being closed."""
        super().on_response_complete()
        self._bound_closing()

    def timeout_keep_alive_handler(self) -> None:
        """No other request came; the connection is being closed."""
        super().timeout_keep_alive_handler()
        self._bound_closing()

    def _bound_closing(self) -> None:
        if self.transport.is_closing() and self._closing_timer is None:
            self._closing_timer = self.loop.call_later(CLOSING_SECONDS, self._abort)

    def _abort(self) -> None:
        """Reset: what the kernel still has is thrown away, and the client knows that the answer isn't whole."""
        if not self._is_lost:
            connection = self.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            self.transport.abort()


def _with_abort(app: ASGIApp, abort: object) -> ASGIApp:
    async def announcing(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("extensions", {})[ABORT] = abort
        await app(scope, receive, send)

    return announcing
