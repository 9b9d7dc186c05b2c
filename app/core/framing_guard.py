"""Refuses ambiguous requests under servers that never load our protocol class, and tells what they leave open."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from pydantic import BaseModel
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.framing import fault_of_head, wants_upgrade
from app.core.http_protocol import EXTENSION
from app.core.http_refusals import MalformedHead
from app.core.problems import problem_answer

log = structlog.get_logger()
# What an ASGI application can't see, or only when it is too late.
ONLY_BY_PROTOCOL = ("trailers", "pipelining", "head_limits", "stalled_readers", "absolute_targets")


class FramingReport(BaseModel):
    """Who reads the requests' framing, and what that leaves open: docs/security.md says what each word means."""

    guarded_by: str
    missing: list[str]


@dataclass
class Framing:
    """What the guard has seen of the server that it runs under."""

    _is_protocol_missing: bool = False

    def note_foreign_server(self) -> None:
        """A request came that our protocol class has not read. The log says so once."""
        if not self._is_protocol_missing:
            self._is_protocol_missing = True
            log.warning(
                "http_protocol_missing",
                missing=list(ONLY_BY_PROTOCOL),
                remedy="uvicorn --http app.core.http_protocol:BoundedHttpProtocol, or python -m app serve",
            )

    def report(self) -> FramingReport:
        """For `/health/ready`."""
        if self._is_protocol_missing:
            return FramingReport(guarded_by="application", missing=list(ONLY_BY_PROTOCOL))
        return FramingReport(guarded_by="protocol", missing=[])


class FramingGuard:
    """Looks at the head once more, unless our protocol class did; an ambiguous request ends its connection.

    Args:
        framing: told of each request that came another way.
    """

    def __init__(self, app: ASGIApp, framing: Framing) -> None:
        self.app = app
        self._framing = framing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what can be read in one way only."""
        if scope["type"] != "http" or EXTENSION in scope.get("extensions", {}):
            await self.app(scope, receive, send)
            return
        self._framing.note_foreign_server()
        fault = fault_of_head(scope["http_version"], scope["method"], scope["headers"])
        if fault:
            answer = await problem_answer(MalformedHead(fault, headers={"Connection": "close"}))
            await answer(scope, receive, send)
        elif wants_upgrade(scope["headers"]):
            await self.app(scope, receive, _closing(send))
        else:
            await self.app(scope, receive, send)


def _closing(send: Send) -> Send:
    async def send_last(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Connection"] = "close"
        await send(message)

    return send_last
