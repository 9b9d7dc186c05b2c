"""A TCP proxy between the service and the store that fails on command: cuts, stalls, refuses.

Bytes pass as they are, the `Host` header too, so that signatures hold: the service is told the proxy's
address as its `S3_ENDPOINT_URL` and signs for it.

    with faulty_store(parts["S3_ENDPOINT_URL"]) as proxy, start_service(
        store={"endpoint_url": proxy.endpoint_url}
    ) as service:
        proxy.cut_after(65_536, direction="down", matching=r"^GET ")  # in the middle of a download
        proxy.cut_after(0, direction="down", matching=r"^PUT ", times=1)  # written, but nobody hears of it
        proxy.stall_after(10_000, direction="up", matching=r"partNumber=2")
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

BUFFER_BYTES = 65_536
# A request's head arrives at the beginning of a read: the client waits for each answer before it sends the next.
REQUEST_LINE = re.compile(rb"((?:GET|HEAD|PUT|POST|DELETE) \S+) HTTP/1\.1\r\n")
Direction = Literal["up", "down"]


@dataclass
class Fault:
    """What goes wrong with requests that begin while it is set.

    Args:
        kind: `cut` closes both sides; `stall` lets nothing more through until healed.
        after_bytes: how many bytes of each such request pass first, heads included.
        direction: which bytes are counted and stopped: `up` to the store, `down` from it.
        matching: which requests, searched in `METHOD /path?query`.
        times: how many requests it hits; None for all.
    """

    kind: Literal["cut", "stall"]
    after_bytes: int
    direction: Direction
    matching: re.Pattern[str]
    times: int | None
    healed: threading.Event = field(default_factory=threading.Event)

    def takes(self, request: str) -> bool:
        """Whether this request is hit; counts it if so."""
        if self.healed.is_set() or not self.matching.search(request) or self.times == 0:
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Link:
    """One connection of the service, joined to one of the store."""

    def __init__(self, proxy: FaultyStore, client: socket.socket, store: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._store = store
        self._fault: Fault | None = None
        self._left_bytes = 0
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
                    self._fault = self._proxy.begin(line[1].decode())
                    self._left_bytes = self._fault.after_bytes if self._fault else 0
                target.sendall(self._before_the_fault(data, direction, target))
        self.close()
        self._proxy.forget(self)

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
        fault.healed.wait()
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
        self._refuses = False
        self._links: set[Link] = set()
        self._lock = threading.Lock()
        self.requests: list[str] = []
        self.stalled = threading.Semaphore(0)
        self.endpoint_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_after(
        self, after_bytes: int, *, direction: Direction, matching: str = "", times: int | None = None
    ) -> None:
        """Close the connection once so many bytes of a matching request have passed."""
        self._set(Fault("cut", after_bytes, direction, re.compile(matching), times))

    def stall_after(
        self, after_bytes: int, *, direction: Direction, matching: str = "", times: int | None = None
    ) -> None:
        """Hold a matching request's bytes back after so many of them, until healed."""
        self._set(Fault("stall", after_bytes, direction, re.compile(matching), times))

    def refuse(self) -> None:
        """Close every connection, and each new one at once."""
        self.heal()
        self._refuses = True
        self._close_links()

    def heal(self) -> None:
        """Let everything pass again, what is stalled first."""
        self._refuses = False
        self._set(None)

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

    def _set(self, fault: Fault | None) -> None:
        with self._lock:
            previous, self._fault = self._fault, fault
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
