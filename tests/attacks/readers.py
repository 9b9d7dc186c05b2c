"""Clients that ask for bytes and don't read them, from as many addresses as they like."""

from __future__ import annotations

import select
import socket
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

# A small window: what such a client doesn't read stays with the service.
WINDOW_BYTES = 4_096
AT_ONCE = 16


def address(number: int) -> str:
    """One of the loopback's addresses; each counts as a caller of its own."""
    return f"127.0.{1 + number // 250}.{1 + number % 250}"


def is_ready(sock: socket.socket, events: int, *, wait_seconds: float = 0) -> bool:
    """Whether one of these happens; `select` alone knows no more than 1,024 descriptors."""
    poll = select.poll()
    poll.register(sock, events)
    return bool(poll.poll(wait_seconds * 1000))


@dataclass
class SilentReader:
    """A connection that has asked for something."""

    sock: socket.socket

    @property
    def is_cut(self) -> bool:
        """Whether the service has ended the connection; nothing that was sent before is read."""
        return is_ready(self.sock, select.POLLHUP | select.POLLERR | select.POLLRDHUP)

    def send(self, request: bytes) -> None:
        """Ask for more, if that is still listened to."""
        if is_ready(self.sock, select.POLLOUT):
            try:
                self.sock.send(request)
            except ConnectionError:
                return

    def drip(self) -> None:
        """Read one byte, if there is one."""
        if is_ready(self.sock, select.POLLIN):
            try:
                self.sock.recv(1)
            except ConnectionError:
                return

    def all_that_comes(self) -> bytes:
        """Read until the service ends the connection, however it does."""
        received = bytearray()
        try:
            while chunk := self.sock.recv(65_536):
                received += chunk
        except ConnectionError:
            pass
        return bytes(received)


def ask(port: int, path: str, *, source: str, version: str = "1.1", **headers: str) -> SilentReader:
    """Send a GET from that address and read nothing."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES)
    sock.settimeout(30)
    sock.bind((source, 0))
    sock.connect(("127.0.0.1", port))
    lines = [f"GET {path} HTTP/{version}", "Host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
    sock.sendall("\r\n".join([*lines, "", ""]).encode())
    return SilentReader(sock)


@contextmanager
def silent_readers(port: int, path: str, count: int, *, addresses: int, version: str = "1.1", **headers: str):
    """So many of them, spread over so many addresses."""
    with ExitStack() as stack:
        readers = []
        for number in range(count):
            reader = ask(port, path, source=address(number % addresses), version=version, **headers)
            stack.callback(reader.sock.close)
            readers.append(reader)
            if number % AT_ONCE == AT_ONCE - 1:
                # All at once they would be refused for want of a thread, and hold nothing.
                is_ready(reader.sock, select.POLLIN, wait_seconds=1)
        yield readers
