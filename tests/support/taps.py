"""Hears what services are asked and what they answer when something is wrong; changes nothing of it.

An app of this process is listened to where it is served, those of other processes by the clients that ask them.
"""

from __future__ import annotations

from collections.abc import Callable

import httpx
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.support.eavesdropping import Watch

HEARD_BYTES = 1_048_576  # of a request or an answer; that of a thousand files, all with an error, is not as long
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


def listen_to_clients(watch: Watch) -> Callable[[], None]:
    """Hear what every `httpx` client of this process is told, but for what it streams; returns how to end that."""
    send = httpx.Client.send

    def heard(client: httpx.Client, request: httpx.Request, **options: object) -> httpx.Response:
        response = send(client, request, **options)  # type: ignore[arg-type]
        if not options.get("stream") and PROBLEM in response.content[:HEARD_BYTES]:
            # What is sent as a stream can't be read again.
            body = request.content if isinstance(request.stream, httpx.ByteStream) else b""
            said = [str(request.url), *request.headers.values(), body[:HEARD_BYTES].decode(errors="replace")]
            watch.hear_answer(response.text, " ".join(said))
        return response

    httpx.Client.send = heard  # type: ignore[assignment, method-assign]
    return lambda: setattr(httpx.Client, "send", send)
