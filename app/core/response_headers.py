"""What every answer says to browsers, unless it says otherwise itself."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
# Nothing of an answer is to be run or framed, and nothing is to lie in a cache that somebody else may read.
PRIVATE = {
    **ALWAYS,
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "private, no-store",
}
# Swagger UI and ReDoc load scripts; only framing them is forbidden.
SHOWN = {**ALWAYS, "Content-Security-Policy": "frame-ancestors 'none'"}


class SecurityHeaders:
    """Adds them to answers of all kinds, problems too.

    Strict-Transport-Security is not among them: TLS ends at the proxy in front, and that promise is its own.

    Args:
        documentation: the paths of pages meant for browsers.
    """

    def __init__(self, app: ASGIApp, documentation: frozenset[str]) -> None:
        self.app = app
        self._documentation = documentation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        chosen = SHOWN if scope["path"] in self._documentation else PRIVATE

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in chosen.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)
