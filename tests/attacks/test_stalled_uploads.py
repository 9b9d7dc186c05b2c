"""Uploads that stop on their way, and many large ones at once: memory has a bound, and nobody waits for them long."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack

import httpx
import pytest

from app.config import MEBIBYTE
from tests.attacks.scale import scaled

LINES = b"0123456789abcde\n" * (MEBIBYTE // 16)
DECLARED_BYTES = 64 * MEBIBYTE
RAW = "/api/v1/files/raw/large.txt"
# How long an attacker goes on sending what isn't taken.
FEED_SECONDS = 8.0


@pytest.fixture(scope="module")
def token(service):
    return lambda subject: service.token(subject, ttl_seconds=3600)


def begin_upload(port: int, token: str) -> socket.socket:
    """Announce 64 MiB."""
    sock = socket.create_connection(("127.0.0.1", port), 30)
    head = f"PUT {RAW} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Length: {DECLARED_BYTES}\r\n\r\n"
    sock.sendall(head.encode())
    sock.settimeout(0)
    return sock


def feed(sockets: list[socket.socket], most_bytes: int) -> None:
    """Send so much on each, as far as it is taken."""
    left = dict.fromkeys(sockets, most_bytes)
    over = time.monotonic() + FEED_SECONDS
    while left and time.monotonic() < over:
        for sock in list(left):
            try:
                left[sock] -= sock.send(LINES[: min(65_536, left[sock])])
            except BlockingIOError:
                continue
            if not left[sock]:
                del left[sock]


def put(port: int, token: str, size_mebibytes: int) -> int:
    """A whole upload; its status."""

    def body():
        for _ in range(size_mebibytes):
            yield LINES

    headers = {"Authorization": f"Bearer {token}", "Content-Length": str(size_mebibytes * MEBIBYTE)}
    return httpx.put(f"http://127.0.0.1:{port}{RAW}", content=body(), headers=headers, timeout=100).status_code


@pytest.mark.parametrize("callers", [1, 5])
def test_stalled_uploads_fill_no_memory_and_hold_up_nobody(start_victim, token, callers):
    """Issue 11, 4: 8 MiB each, without a bound over all callers."""
    with start_victim() as victim, ExitStack() as stack:
        assert put(victim.port, token("bob"), 1) == 201
        before = victim.resident_mebibytes
        count = scaled(100, 300)
        sockets = [begin_upload(victim.port, token(f"mallory-{number % callers}")) for number in range(count)]
        for sock in sockets:
            stack.callback(sock.close)
        feed(sockets, 7 * MEBIBYTE)
        started = time.monotonic()
        assert put(victim.port, token("bob"), 20) == 201
        # By the idle time-out alone it would have had to wait for longer, for each of its parts.
        assert time.monotonic() - started < 30
        with victim.client(token("bob")) as bob:
            assert bob.post("/files/upload", files={"file": ("small.txt", LINES[:60_000])}).status_code == 201
        assert victim.peak_mebibytes - before < 256 + 150


def test_many_large_uploads_at_once_share_what_memory_there_is(start_victim, token):
    """Issue 11, 4: 30 of 64 MiB grew a process by 741 MiB."""
    statuses: list[int] = []
    count, size = scaled((16, 24), (50, 100))
    with start_victim(UPLOAD_MEMORY_MB=str(scaled(64, 256))) as victim:
        assert put(victim.port, token("bob"), 1) == 201
        before = victim.resident_mebibytes
        senders = [
            threading.Thread(target=lambda n=number: statuses.append(put(victim.port, token(f"user-{n % 5}"), size)))
            for number in range(count)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        assert statuses == [201] * count
        assert victim.peak_mebibytes - before < scaled(64, 256) + 100
