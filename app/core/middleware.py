"""Pure ASGI middleware: request ids, the access log, response headers. None of it ever touches a body."""

from __future__ import annotations

import re
import time
from contextvars import ContextVar
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()
WELL_FORMED = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_request_id: ContextVar[str] = ContextVar("request_id", default="")
_client_address: ContextVar[str] = ContextVar("client_address", default="")


def request_id() -> str:
    """The id of the request that is being answered."""
    return _request_id.get()


def client_address() -> str:
    """From where the request comes that is being answered; empty where nobody asked or the server doesn't know.

    A proxy's own, unless the server was told to believe what that proxy says.
    """
    return _client_address.get()


class RequestContext:
    """Takes or makes the request id, puts it on the answer and on every log line, writes the access log."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on with the request's id bound to the log."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        current = given if WELL_FORMED.fullmatch(given) else uuid4().hex
        _request_id.set(current)
        host, _port = scope.get("client") or ("", 0)
        _client_address.set(host)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=current)
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = current
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            route = scope.get("route")
            # The template, not the path: a path may hold a name or a token, a query a signature.
            log.info(
                "request",
                method=scope["method"],
                route=getattr(route, "path", "unmatched"),
                status=status,
                duration_ms=round((time.perf_counter() - started) * 1000, 1),
            )
