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
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from tests.support.traps import Trap

BUFFER_BYTES = 65_536
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


class Link:
    """One connection of the service, joined to one of the store."""

    def __init__(self, proxy: FaultyStore, client: socket.socket, store: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._store = store
        self._fault: Fault | None = None
        self._trap: Trap | None = None
        self._left_bytes = 0
        self._unheard_bytes = 0
        self._is_head = False
        for side in (client, store):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for source, target, direction in ((client, store, "up"), (store, client, "down")):
            threading.Thread(target=self._pump, args=(source, target, direction), daemon=True).start()

    def close(self) -> None:
        """End both sides; twice is once."""
        for side in (self._client, self._store):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()

    def _pump(self, source: socket.socket, target: socket.socket, direction: Direction) -> None:
        with suppress(OSError):
            while data := source.recv(BUFFER_BYTES):
                if direction == "up" and (line := REQUEST_LINE.match(data)):
                    self._begin(line[1].decode(), data)
                if direction == "down" and (trap := self._trap) and not data.startswith(b"HTTP/1.1 100"):
                    self._trap = None
                    trap.spring()
                if direction == "up" and self._fault and self._fault.kind == "answer":
                    self._answer(data, self._fault)
                else:
                    target.sendall(self._before_the_fault(data, direction, target))
        self.close()
        self._proxy.forget(self)

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


class FaultyStore:
    """The proxy. Faults hit requests that begin after they were set; setting one replaces the one before.

    `requests` holds every request line so far, as `METHOD /path?query`; `stalled` is a semaphore that
    each stalled request releases once: `proxy.stalled.acquire(timeout=5)` waits for the next one.
    """

    def __init__(self, target_url: str) -> None:
        parts = urlsplit(target_url)
        self._target = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._fault: Fault | None = None
        self._trap: Trap | None = None
        self._refuses = False
        self._links: set[Link] = set()
        self._lock = threading.Lock()
        self.requests: list[str] = []
        self.stalled = threading.Semaphore(0)
        self.endpoint_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

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

    def trap(self, trap: Trap | None) -> None:
        """Wait for a step, described as `METHOD /path?query`, with ` copy` behind it where it copies; None for none."""
        with self._lock:
            self._trap = trap

    def refuse(self) -> None:
        """Close every connection, and each new one at once."""
        self.heal()
        self._refuses = True
        self._close_links()

    def heal(self) -> None:
        """Let everything pass again, what is stalled first."""
        self._refuses = False
        self._forget_fault()

    def close(self) -> None:
        """Stop; whoever still talks through the proxy is cut off."""
        self.heal()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._close_links()

    def begin(self, request: str) -> Fault | None:
        """Note a request; returns the fault that hits it."""
        with self._lock:
            self.requests.append(request)
            return self._fault if self._fault and self._fault.takes(request) else None

    def forget(self, link: Link) -> None:
        """Called by a link that has ended."""
        with self._lock:
            self._links.discard(link)

    def sprung_by(self, request: str) -> Trap | None:
        """The trap that this request is to spring."""
        with self._lock:
            return self._trap if self._trap and self._trap.takes(request) else None

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

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._refuses:
                    client.close()
                    continue
                link = Link(self, client, socket.create_connection(self._target))
                with self._lock:
                    self._links.add(link)
                if self._refuses:  # set while this one was being made
                    link.close()

    def _close_links(self) -> None:
        with self._lock:
            links = list(self._links)
        for link in links:
            link.close()


@contextmanager
def faulty_store(target_url: str) -> Iterator[FaultyStore]:
    """A proxy before the store at `target_url`, faultless until told otherwise."""
    proxy = FaultyStore(target_url)
    try:
        yield proxy
    finally:
        proxy.close()
