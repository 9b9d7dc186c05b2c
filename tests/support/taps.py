"""Hears what an app is asked and what it answers when something is wrong; changes nothing of it."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.support.eavesdropping import Watch

HEARD_BYTES = 262_144  # of a request or an answer; no error is as long
LEAST_TOKEN_CHARACTERS = 20
ERROR = 400
PROBLEM = b"urn:holdfast:problem:"


class Tap:
    """An app, listened to."""

    def __init__(self, app: ASGIApp, watch: Watch) -> None:
        self._app = app
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        token = headers.get("authorization", "").rpartition(" ")[2]
        if len(token) >= LEAST_TOKEN_CHARACTERS:
            self._watch.secrets.tokens.add(token)
        said = [scope["path"], scope["query_string"].decode("latin-1"), *headers.values()]
        asked, answered, status = bytearray(), bytearray(), 0

        async def receiving() -> Message:
            message = await receive()
            if len(asked) < HEARD_BYTES:
                asked.extend(message.get("body", b""))
            return message

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif len(answered) < HEARD_BYTES:
                answered.extend(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receiving, sending)
        finally:
            if status >= ERROR or PROBLEM in answered:
                request = " ".join([*said, asked.decode(errors="replace")])
                self._watch.hear_answer(answered.decode(errors="replace"), request)
