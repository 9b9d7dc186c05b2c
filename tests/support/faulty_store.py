"""A TCP proxy between the service and the store that fails on command: cuts, stalls, refuses, answers itself.

Bytes pass as they are, the `Host` header too, so that signatures hold: the service is told the proxy's
address as its `S3_ENDPOINT_URL` and signs for it.

    with faulty_store(parts["S3_ENDPOINT_URL"]) as proxy, start_service(
        store={"endpoint_url": proxy.endpoint_url}
    ) as service:
        proxy.cut_after(65_536, direction="down", matching=r"^GET ")  # in the middle of a download
        proxy.cut_after(0, direction="down", matching=r"^PUT ", times=1)  # written, but nobody hears of it
        proxy.stall_after(10_000, direction="up", matching=r"partNumber=2")
        proxy.answer(503, "SlowDown", matching=r"^PUT ")
        proxy.trap(Trap(re.compile(r"^DELETE "), "before", kill))  # see `traps`
        proxy.heal()
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from tests.support.tcp_proxy import BUFFER_BYTES, Link, TcpProxy

# A request's head arrives at the beginning of a read: the client waits for each answer before it sends the next.
REQUEST_LINE = re.compile(rb"((?:GET|HEAD|PUT|POST|DELETE) \S+) HTTP/1\.1\r\n")
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
HEAD_END = b"\r\n\r\n"
Direction = Literal["up", "down"]


@dataclass
class Fault:
    """What goes wrong with requests that begin while it is set.

    Args:
        kind: `cut` closes both sides; `stall` lets nothing more through until healed or for `seconds`;
            `answer` says `answer` in the store's place, which never hears of the request.
        after_bytes: how many bytes of each such request pass first, heads included.
        direction: which bytes are counted and stopped: `up` to the store, `down` from it.
        matching: which requests, searched in `METHOD /path?query`.
        times: how many requests it hits; None for all.
    """

    kind: Literal["cut", "stall", "answer"]
    after_bytes: int
    direction: Direction
    matching: re.Pattern[str]
    times: int | None
    seconds: float | None = None
    answer: bytes = b""
    hits: int = 0
    healed: threading.Event = field(default_factory=threading.Event)

    def takes(self, request: str) -> bool:
        """Whether this request is hit; counts it if so."""
        if self.healed.is_set() or not self.matching.search(request) or self.times == 0:
            return False
        if self.times is not None:
            self.times -= 1
        self.hits += 1
        return True


class StoreLink(Link):
    """One connection of the service, joined to one of the store."""

    _proxy: FaultyStore

    def __init__(self, proxy: FaultyStore, client: socket.socket, store: socket.socket) -> None:
        super().__init__(proxy, client, store)
        self._fault: Fault | None = None
        self._left_bytes = 0
        self._unheard_bytes = 0
        self._is_head = False

    def _up(self) -> None:
        while data := self._client.recv(BUFFER_BYTES):
            if line := REQUEST_LINE.match(data):
                self._begin(line[1].decode(), data)
            if self._fault and self._fault.kind == "answer":
                self._answer(data, self._fault)
            else:
                self._server.sendall(self._before_the_fault(data, "up", self._server))

    def _down(self) -> None:
        while data := self._server.recv(BUFFER_BYTES):
            if (trap := self._trap) and not data.startswith(b"HTTP/1.1 100"):
                self._trap = None
                trap.spring()
            self._client.sendall(self._before_the_fault(data, "down", self._client))

    def _begin(self, request: str, data: bytes) -> None:
        self._fault = self._proxy.begin(request)
        self._left_bytes = self._fault.after_bytes if self._fault else 0
        if self._fault and self._fault.kind == "answer":
            length = CONTENT_LENGTH.search(data)
            expects = b"100-continue" in data
            self._is_head = request.startswith("HEAD ")
            self._unheard_bytes = data.index(HEAD_END) + 4 + (int(length[1]) if length and not expects else 0)
        # In a head, not in the line, stands whether a PUT copies.
        is_copy = b"x-amz-copy-source:" in data.partition(HEAD_END)[0].lower()
        trap = self._proxy.sprung_by(f"{request} copy" if is_copy else request)
        if trap and trap.moment == "before":
            trap.spring()
        self._trap = trap if trap and trap.moment == "after" else None

    def _answer(self, data: bytes, fault: Fault) -> None:
        """Swallow a request, then say what was to be said."""
        self._unheard_bytes -= len(data)
        if self._unheard_bytes <= 0:
            head, end, body = fault.answer.partition(HEAD_END)
            self._client.sendall(head + end + (b"" if self._is_head else body))
            self._fault = None

    def _before_the_fault(self, data: bytes, direction: Direction, target: socket.socket) -> bytes:
        """What may pass; waits where the fault is a stall, raises OSError where it is a cut."""
        fault = self._fault
        if fault is None or fault.direction != direction:
            return data
        if len(data) <= self._left_bytes:
            self._left_bytes -= len(data)
            return data
        target.sendall(data[: self._left_bytes])
        if fault.kind == "cut":
            raise OSError("cut")
        self._proxy.stalled.release()
        fault.healed.wait(fault.seconds)
        self._fault = None
        return data[self._left_bytes :]


class FaultyStore(TcpProxy):
    """The proxy. Faults hit requests that begin after they were set; setting one replaces the one before.

    A trap's step is described as `METHOD /path?query`, with ` copy` behind it where it copies. `requests` holds every
    request line so far, as `METHOD /path?query`; `stalled` is a semaphore that each stalled request releases once:
    `proxy.stalled.acquire(timeout=5)` waits for the next one.
    """

    def __init__(self, target_url: str) -> None:
        parts = urlsplit(target_url)
        self._fault: Fault | None = None
        self.requests: list[str] = []
        self.stalled = threading.Semaphore(0)
        super().__init__((parts.hostname, parts.port), StoreLink)
        self.endpoint_url = f"http://127.0.0.1:{self.port}"

    def cut_after(
        self, after_bytes: int, *, direction: Direction, matching: str = "", times: int | None = None
    ) -> Fault:
        """Close the connection once so many bytes of a matching request have passed."""
        return self._set(Fault("cut", after_bytes, direction, re.compile(matching), times))

    def stall_after(
        self,
        after_bytes: int,
        *,
        direction: Direction,
        matching: str = "",
        times: int | None = None,
        seconds: float | None = None,
    ) -> Fault:
        """Hold a matching request's bytes back after so many of them, until healed or for so long."""
        return self._set(Fault("stall", after_bytes, direction, re.compile(matching), times, seconds))

    def answer(self, status: int, code: str, *, matching: str = "", times: int | None = None) -> Fault:
        """Answer matching requests in the store's place, with one of S3's error codes."""
        body = f"<Error><Code>{code}</Code><Message>said by the proxy</Message></Error>".encode()
        head = f"HTTP/1.1 {status} {code}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
        return self._set(Fault("answer", 0, "up", re.compile(matching), times, answer=head.encode() + body))

    def refuse(self) -> None:
        """Close every connection, and each new one at once; no fault is left."""
        self.heal()
        super().refuse()

    def heal(self) -> None:
        """Let everything pass again, what is stalled first."""
        super().heal()
        self._forget_fault()

    def close(self) -> None:
        """Stop; whoever still talks through the proxy is cut off."""
        self.heal()
        super().close()

    def begin(self, request: str) -> Fault | None:
        """Note a request; returns the fault that hits it."""
        with self._lock:
            self.requests.append(request)
            return self._fault if self._fault and self._fault.takes(request) else None

    def _set(self, fault: Fault) -> Fault:
        self._forget_fault()
        with self._lock:
            self._fault = fault
        return fault

    def _forget_fault(self) -> None:
        with self._lock:
            previous, self._fault = self._fault, None
        if previous:
            previous.healed.set()


@contextmanager
def faulty_store(target_url: str) -> Iterator[FaultyStore]:
    """A proxy before the store at `target_url`, faultless until told otherwise."""
    proxy = FaultyStore(target_url)
    try:
        yield proxy
    finally:
        proxy.close()
