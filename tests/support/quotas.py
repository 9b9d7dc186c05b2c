"""What an owner has, and uploads that are on their way."""

from __future__ import annotations

from contextlib import contextmanager

from app.config import MEBIBYTE
from tests.support.content import noise
from tests.support.raw_http import raw_connection

LARGE = noise(10 * MEBIBYTE)
NOTHING = {"bytes": 0, "files": 0, "reserved_bytes": 0, "reserved_files": 0}


def usage(client, **query) -> dict:
    """The four counters."""
    shown = client.get("/usage", params=query)
    assert shown.status_code == 200, shown.text
    return {name: value for name, value in shown.json().items() if name in NOTHING}


def used(size_bytes: int, files: int, reserved_bytes: int = 0, reserved_files: int = 0) -> dict:
    return dict(zip(NOTHING, (size_bytes, files, reserved_bytes, reserved_files), strict=True))


def send_raw(client, content: bytes, name: str = "data.bin", **options):
    return client.put(f"/files/raw/{name}", content=content, **options)


def is_refused(answer) -> bool:
    return (answer.status_code, answer.json()["code"]) == (413, "quota_exceeded")


@contextmanager
def half_sent(port: int, token: str, path: str, *, length: int | None = len(LARGE)):
    """A connection that has sent most of LARGE, and the bytes that are still to come."""
    with raw_connection(port) as connection:
        framing = {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": str(length)}
        connection.send_head("PUT", f"/api/v1{path}", {"Authorization": f"Bearer {token}", **framing})
        most = 9 * MEBIBYTE
        (connection.send_chunk if length is None else connection.send)(LARGE[:most])
        yield connection, LARGE[most:]
