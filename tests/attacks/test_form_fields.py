"""Forms full of fields, whose file never comes: what is kept of them is counted by no budget."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from tests.attacks.scale import scaled

BOUNDARY = "----form"
FIELDS = 60
# One character that takes four bytes makes four bytes of each.
CONTENT = "😀".encode() + b"x" * 65_000


def field(number: int) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="f{number}"\r\n\r\n'
    return head.encode() + CONTENT + b"\r\n"


def begin_form(port: int, token: str) -> socket.socket:
    """Send the fields of a form, as far as they are taken, and leave its file out."""
    sock = socket.create_connection(("127.0.0.1", port), 30)
    head = (
        f"POST /api/v1/files/upload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: 50000000\r\n\r\n"
    )
    try:
        sock.sendall(head.encode())
        for number in range(FIELDS):
            sock.sendall(field(number))
    except ConnectionError:
        # It was refused, and its sender was not listened to any longer.
        pass
    return sock


def test_fields_of_forms_without_a_file_fill_no_memory(service, start_victim):
    token = service.token("alice", ttl_seconds=3600)
    with start_victim() as victim, ExitStack() as stack:
        with victim.client(token) as alice:
            assert alice.get("/files").status_code == 200
        before = victim.resident_mebibytes
        for _ in range(scaled(12, 20)):
            stack.callback(begin_form(victim.port, token).close)
        assert victim.peak_mebibytes - before < 80
