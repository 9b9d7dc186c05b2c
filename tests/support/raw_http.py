"""Requests byte by byte, for clients that break off, drip or lie."""

from __future__ import annotations

import json
import select
import socket
from contextlib import contextmanager
from dataclasses import dataclass

BOUNDARY = "raw-boundary"
FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def form_part(name: str, content: bytes, filename: str | None = None) -> bytes:
    """One part of a form, boundary in front."""
    disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
    return f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + content + b"\r\n"


FORM_END = f"--{BOUNDARY}--\r\n".encode()


@dataclass
class RawAnswer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self):
        return json.loads(self.body)


class RawConnection:
    """One connection to the service."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def send_head(self, method: str, path: str, headers: dict[str, str]) -> None:
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: localhost",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        self.sock.sendall("\r\n".join([*lines, "", ""]).encode())

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def send_chunk(self, data: bytes) -> None:
        self.sock.sendall(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def drip(self, data: bytes) -> None:
        """Send it again and again, some hundred times a second at most, until there is an answer."""
        while not select.select([self.sock], [], [], 0.01)[0]:
            self.sock.sendall(data)

    def go_ahead(self) -> bool:
        """Whether the service asks for the body: then it has looked at the head."""
        return self.sock.recv(1024).startswith(b"HTTP/1.1 100 ")

    def answer(self) -> RawAnswer:
        stream = self.sock.makefile("rb")
        status = int(stream.readline().split()[1])
        headers = {}
        while (line := stream.readline().strip()) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        return RawAnswer(status, headers, stream.read(int(headers.get("content-length", 0))))


@contextmanager
def raw_connection(port: int, *, timeout_seconds: float = 30.0):
    """A bare connection; closed at the end, however the request stands."""
    with socket.create_connection(("127.0.0.1", port), timeout_seconds) as sock:
        yield RawConnection(sock)
