"""uvicorn's HTTP with bounds on everything that comes before a body; its refusals are problems, too.

The parser beneath, llhttp, has none: a header without an end, or headers without an end, would be kept
in memory until it is full, before the application hears of the request.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from http import HTTPStatus
from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.core.exceptions import HoldfastError, Malformed, TooSlow
from app.core.problems import problem_of
from app.core.response_headers import HEADERS

MAX_URL_BYTES = 32_768
MAX_HEAD_BYTES = 65_536
MAX_HEADERS = 100
# How long a head may take to arrive, from the connection or its own first byte on.
HEAD_SECONDS = 30.0
# What is still thrown away behind a refusal, so that the client comes to read it.
LINGER_SECONDS = 2.0
LINGER_BYTES = 1_048_576


class MalformedHead(Malformed):
    """No HTTP that anybody should read."""

    code = "malformed_request"
    detail = "This is not well-formed HTTP/1.1."


class UriTooLong(HoldfastError):
    """The address has no end."""

    status, title, code = 414, "URI too long", "uri_too_long"
    detail = f"The address is longer than {MAX_URL_BYTES} bytes."


class HeadersTooLarge(HoldfastError):
    """Too many header fields, or too much in them."""

    status, title, code = 431, "Request header fields too large", "headers_too_large"
    detail = f"A request may have {MAX_HEADERS} header fields and {MAX_HEAD_BYTES} bytes before its body."


class HeadTooSlow(TooSlow):
    """The client does not come to the point."""

    detail = "The head of the request arrived too slowly."


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection.

    Bounded are the address, the number of fields and their bytes, those behind a chunked body included,
    what the parser swallows without a word, such as a field that has not ended yet, and the time of it all.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _refusal: HoldfastError | None = None
    _is_refused = False
    _has_spoken = False
    _silent_bytes = 0
    _head_bytes = 0
    _head_fields = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for a head."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, unless the connection is only waiting for its end."""
        if self._is_refused:
            self._silent_bytes += len(data)
            if self._silent_bytes > LINGER_BYTES:
                self.transport.close()
            return
        if self.cycle is None or self.cycle.response_complete:
            self._wait_for_head()
        self._has_spoken = False
        super().data_received(data)
        self._silent_bytes = 0 if self._has_spoken else self._silent_bytes + len(data)
        if self._silent_bytes > MAX_HEAD_BYTES and not self._is_refused:
            self._hang_up(HeadersTooLarge())

    def on_message_begin(self) -> None:
        """Count anew."""
        self._head_bytes = self._head_fields = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A piece of the address."""
        self._has_spoken = True
        super().on_url(url)
        self._head_bytes += len(url)
        if len(self.url) > MAX_URL_BYTES:
            self._refuse(UriTooLong())

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field."""
        self._has_spoken = True
        self._head_fields += 1
        self._head_bytes += len(name) + len(value)
        if self._head_fields > MAX_HEADERS or self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(HeadersTooLarge())
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is here."""
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body, which others bound."""
        self._has_spoken = True
        super().on_body(body)

    def _wait_for_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._hang_up, HeadTooSlow())

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, refusal: HoldfastError) -> None:
        """Stop the parser; it makes an error of its own of that, which ends in `send_400_response`."""
        self._refusal = refusal
        raise refusal

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 -- our own words are said
        """Answer what the parser stopped at."""
        self._hang_up(self._refusal or MalformedHead())

    def _hang_up(self, refusal: HoldfastError) -> None:
        """Answer with a problem and close, but not before the client could read it."""
        self._is_refused = True
        self._stop_waiting()
        if self.cycle is not None and not self.cycle.response_complete:
            # To the application it looks as if the client had gone.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                # Half of another answer is out; nobody may take this one for the rest of it.
                self.transport.close()
                return
        self.transport.write(_answer_to(refusal, self.server_state.default_headers))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.close)


def _answer_to(refusal: HoldfastError, default_headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    request_id = uuid4().hex
    body = json.dumps(problem_of(refusal) | {"request_id": request_id}).encode()
    headers = {
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        "X-Request-ID": request_id,
        **HEADERS,
    }
    said = [(name.encode(), value.encode()) for name, value in headers.items()]
    lines = b"".join(name.lower() + b": " + value + b"\r\n" for name, value in [*default_headers, *said])
    return STATUS_LINE[HTTPStatus(type(refusal).status)] + lines + b"\r\n" + body
