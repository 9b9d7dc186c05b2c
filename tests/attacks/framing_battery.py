"""Sends one input of the battery and tells how it was answered."""

from __future__ import annotations

import select
import socket
from dataclasses import dataclass
from typing import Self
from uuid import uuid4

from tests.attacks.framing_inputs import HOST, SMUGGLED, TRAILED, Case
from tests.attacks.framing_servers import Target
from tests.support.service import wait_until

PATIENCE_SECONDS = 10.0
# How the bytes are cut; besides "pieces", where each segment is sent once the one before was read.
FORMS = {"at once": 1_000_000, "byte by byte": 1}
INTERIM = range(100, 200)


class Smuggled(AssertionError):
    """A request came to the service that nobody has sent."""


@dataclass
class Answered:
    """One answer as it stands on the wire."""

    status: int | str
    request_id: str


class Wire:
    """One connection, read answer by answer."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self._socket.makefile("rb")
        self.has_failed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._stream.close()
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send, or find that the other side has closed already."""
        try:
            self._socket.sendall(data)
        except OSError:
            self.has_failed = True

    def is_answered(self) -> bool:
        return bool(select.select([self._socket], [], [], 0)[0])

    def answer(self) -> Answered | None:
        """The next answer that isn't an interim one; None at the end of the connection."""
        try:
            return self._answer()
        except ConnectionError:
            return None

    def _answer(self) -> Answered | None:
        line = self._stream.readline()
        if not line:
            return None
        if not line.startswith(b"HTTP/1."):
            self._stream.read()
            return Answered("no head", "")
        status, headers = int(line.split()[1]), {}
        while (line := self._stream.readline().strip()) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if status in INTERIM:
            return self._answer()
        if headers.get("transfer-encoding") == "chunked":
            while size := int(self._stream.readline(), 16):
                self._stream.read(size + 2)
            self._stream.readline()
        else:
            self._stream.read(int(headers["content-length"]) if "content-length" in headers else -1)
        return Answered(status, headers.get("x-request-id", ""))


def outcome(case: Case, target: Target, form: str = "pieces") -> str:
    """Each status, and whether another request is answered on the same connection: such as `400, closed`.

    Raises:
        Smuggled: a request came to the service that nobody has sent.
        AssertionError: the next visitor got another answer than its own.
    """
    ident = uuid4().hex
    answered = []
    with Wire(target.port) as wire:
        if form == "pieces":
            for segment in case.segments:
                wire.send(rendered(segment, ident, target))
                await_reading(wire, target, ident)
        else:
            whole = rendered(b"".join(case.segments), ident, target)
            for begin in range(0, len(whole), FORMS[form]):
                wire.send(whole[begin : begin + FORMS[form]])
        while (answer := wire.answer()) is not None:
            if answer.request_id == f"canary-{ident}":
                break
            answered.append(answer.status)
            wire.send(rendered(canary("canary"), ident, target))
    assert_nothing_is_left(case, target, ident)
    return f"{', '.join(map(str, answered)) or 'nothing'}, {'closed' if answer is None else 'goes on'}"


def await_reading(wire: Wire, target: Target, ident: str) -> None:
    """The second segment must not come along with the first: wait until that has arrived, or is answered."""
    asked = f"asked-{ident}".encode()
    wait_until(
        lambda: wire.has_failed or wire.is_answered() or target.recorder.saw(asked), timeout_seconds=PATIENCE_SECONDS
    )


def assert_nothing_is_left(case: Case, target: Target, ident: str) -> None:
    """The next visitors get their own answers, and the service has seen no request but those that were sent."""
    for number in range(2):
        with Wire(target.port) as visitor:
            visitor.send(rendered(canary(f"visitor{number}"), ident, target))
            assert visitor.answer() == Answered(200, f"visitor{number}-{ident}"), case.name
    smuggled = target.recorder.requests_with(f"smuggled-{ident}".encode())
    # What a proxy has read as a request of its own carries the proxy's mark, and its client gets the answer.
    unread = [headers for headers in smuggled if not (target.is_proxied and dict(headers).get(b"x-forwarded-proto"))]
    if unread:
        raise Smuggled(case.name)


def trailers_were_believed(target: Target) -> bool:
    return target.recorder.saw(TRAILED.encode())


def canary(name: str) -> bytes:
    return f"GET /health HTTP/1.1\r\nHost: {HOST}\r\nX-Request-ID: {name}-{{id}}\r\n\r\n".encode()


def rendered(data: bytes, ident: str, target: Target) -> bytes:
    """What is sent: with the id of this sending, the lengths that follow from it, and the prefix of the service."""
    prefix = target.prefix.encode()
    length = len(SMUGGLED) - len("{id}") + len(ident) + len(prefix)
    values = {"id": ident, "length": str(length), "size": f"{length:x}", "token": target.token}
    for name, value in values.items():
        data = data.replace(f"{{{name}}}".encode(), value.encode())
    for path in (b"/health", b"/smuggled", b"/api/"):
        data = data.replace(b" " + path, b" " + prefix + path)
    return data
