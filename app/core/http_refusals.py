"""What the server says by itself, before the application hears of a request."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus
from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from app.core.exceptions import HoldfastError, Malformed, TooSlow
from app.core.problems import problem_of
from app.core.response_headers import HEADERS

MAX_URL_BYTES = 32_768
MAX_HEAD_BYTES = 65_536
MAX_HEADERS = 100


class MalformedHead(Malformed):
    """No HTTP that anybody should read, or HTTP that two servers could read differently."""

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
    """The head does not arrive in time."""

    detail = "The head of the request arrived too slowly."


def answer_to(refusal: HoldfastError, default_headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The whole answer to a refused request, as bytes for the socket: a problem, and the connection's end."""
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
