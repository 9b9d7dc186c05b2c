"""Requests that arrive faster than they are answered cost no memory, and a client that reads nothing is cut off."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest

from app.config import MEBIBYTE
from tests.attacks.scale import scaled
from tests.support.service import wait_until

CONNECTIONS = 8
ASKED_MEBIBYTES = scaled(8, 48)
GROWTH_MEBIBYTES = 48
ONE = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"


def push(sock: socket.socket, data: bytes) -> None:
    """Send as much of it as is taken within a while; the other side may also hang up."""
    sock.settimeout(5)
    try:
        sock.sendall(data)
    except OSError:
        return


def test_requests_in_line_on_connections_that_read_nothing_cost_no_memory(start_victim):
    """Point 2: 48 MB of `GET /openapi.json` once grew the process by 2.56 GB."""
    flood = ONE * (ASKED_MEBIBYTES * MEBIBYTE // CONNECTIONS // len(ONE))
    with start_victim() as victim, ExitStack() as stack:
        # Whatever is made at the first request only.
        for _ in range(20):
            assert victim.served.status("/openapi.json") == 200
        before = victim.resident_mebibytes
        socks = [stack.enter_context(socket.create_connection(("127.0.0.1", victim.port))) for _ in range(CONNECTIONS)]
        for sock in socks:
            push(sock, flood)
        # The process has read all that it will, once others are answered at once again.
        wait_until(lambda: victim.served.status("/health") == 200, timeout_seconds=60)
        grown = victim.peak_mebibytes - before
        print(f"{ASKED_MEBIBYTES} MiB of requests: {before:.0f} MiB grew by {grown:.0f} MiB")  # noqa: T201
        assert grown < GROWTH_MEBIBYTES


@pytest.mark.usefixtures("service")
def test_no_more_than_a_handful_of_requests_in_line_is_answered(service):
    with socket.create_connection(("127.0.0.1", service.port), 20) as sock:
        sock.sendall(ONE.replace(b"/openapi.json", b"/health") * 1_000)
        received = b"".join(iter(lambda: sock.recv(65_536), b""))
    assert 1 <= received.count(b"HTTP/1.1 200 OK") <= 8
