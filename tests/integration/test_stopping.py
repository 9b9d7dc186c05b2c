"""SIGTERM while uploads run: readiness turns red first, uploads end or are undone within the grace time."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import pytest

from app.config import MEBIBYTE
from tests.support.content import noise
from tests.support.raw_http import raw_connection
from tests.support.service import SECRET, wait_until

CONTENT = noise(20 * MEBIBYTE)
GRACE_SECONDS = 4


@pytest.fixture
def process(base_settings):
    """`python -m app serve` as a process of its own, with its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    store = base_settings["store"]
    environment = {
        "DATABASE_URL": base_settings["database"]["url"],
        "S3_BUCKET_NAME": store["bucket_name"],
        "S3_ENDPOINT_URL": store["endpoint_url"],
        "S3_ACCESS_KEY_ID": store["access_key_id"],
        "S3_SECRET_ACCESS_KEY": store["secret_access_key"],
        "S3_CAPABILITIES": ",".join(f"{name}={str(kept).lower()}" for name, kept in store["capabilities"].items()),
        "S3_ALLOWED_EXTENSIONS": "bin",
        "AUTH_JWT_SECRET": SECRET,
        # As behind a proxy: what stops is not the app itself then, but something around it.
        "FORWARDED_ALLOW_IPS": "127.0.0.1",
        "SHUTDOWN_GRACE_SECONDS": str(GRACE_SECONDS),
        "PORT": str(port),
        "PATH": os.environ["PATH"],
    }
    child = subprocess.Popen([sys.executable, "-m", "app", "serve"], env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _status(port, "/health") == 200, timeout_seconds=60)
        yield child, port
    finally:
        child.kill()
        child.wait()


def _status(port: int, path: str) -> int | None:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=10).status_code
    except httpx.TransportError:
        return None


@contextmanager
def upload_begun(service, port: int, name: str):
    """A connection that has sent the first half of a large file."""
    with raw_connection(port) as connection:
        head = {"Authorization": f"Bearer {service.token('alice')}", "Content-Length": str(len(CONTENT))}
        connection.send_head("PUT", f"/api/v1/files/raw/{name}", head)
        connection.send(CONTENT[: len(CONTENT) // 2])
        yield connection


def test_sigterm_lets_uploads_end_and_undoes_those_that_dont(process, service, registry, alice):
    """Case 99."""
    child, port = process
    begun = "SELECT 1 FROM stored_objects WHERE upload_id IS NOT NULL AND state = 'reserved'"
    with upload_begun(service, port, "quick.bin") as quick, upload_begun(service, port, "silent.bin") as silent:
        assert _status(port, "/health/ready") == 200
        wait_until(lambda: len(registry.rows(begun)) == 2)
        child.send_signal(signal.SIGTERM)
        stopped_at = time.monotonic()
        wait_until(lambda: _status(port, "/health/ready") == 503)
        wait_until(lambda: _status(port, "/health/ready") is None)
        quick.send(CONTENT[len(CONTENT) // 2 :])
        answer = quick.answer()
        assert answer.status == 201, "an upload that goes on is let end"
        assert child.wait(GRACE_SECONDS * 4) == 0
        assert time.monotonic() - stopped_at < GRACE_SECONDS * 3
        assert silent.sock.recv(4096)[:12] != b"HTTP/1.1 201"
    assert registry.rows("SELECT 1 FROM file_uploads WHERE status = 'pending'") == []
    assert registry.rows(begun) == []
    assert alice.get(f"/files/{answer.json()['id']}/download").content == CONTENT
    assert alice.delete(f"/files/{answer.json()['id']}", params={"hard_delete": True}).status_code == 204
