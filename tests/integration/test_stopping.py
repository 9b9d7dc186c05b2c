"""SIGTERM while uploads run: readiness turns red first, uploads end or are undone within the grace time."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager

import pytest

from app.config import MEBIBYTE
from tests.support.content import noise
from tests.support.processes import service_process
from tests.support.raw_http import raw_connection
from tests.support.service import wait_until

CONTENT = noise(20 * MEBIBYTE)
GRACE_SECONDS = 4


@pytest.fixture
def process(base_settings):
    with service_process(base_settings, SHUTDOWN_GRACE_SECONDS=str(GRACE_SECONDS)) as process:
        yield process


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
    child, port, status = process.child, process.port, process.status
    begun = "SELECT 1 FROM stored_objects WHERE upload_id IS NOT NULL AND state = 'reserved'"
    with upload_begun(service, port, "quick.bin") as quick, upload_begun(service, port, "silent.bin") as silent:
        assert status("/health/ready") == 200
        wait_until(lambda: len(registry.rows(begun)) == 2)
        child.send_signal(signal.SIGTERM)
        stopped_at = time.monotonic()
        wait_until(lambda: status("/health/ready") == 503)
        wait_until(lambda: status("/health/ready") is None)
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
