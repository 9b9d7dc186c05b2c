"""Puts single files into states that no request brings about at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.support.service import wait_until
from tests.support.stores import Registry


def set_column(registry: Registry, file_id: str, column: str, value: object) -> None:
    """Write one column of a file's row."""
    registry.rows(f"UPDATE file_uploads SET {column} = $2 WHERE id = $1", file_id, value)


def expire(registry: Registry, file_id: str) -> None:
    """Let a file's `expires_at` have passed a second ago."""
    registry.rows("UPDATE file_uploads SET expires_at = now() - interval '1 second' WHERE id = $1", file_id)


@contextmanager
def in_status(registry: Registry, file_id: str, status: str) -> Iterator[None]:
    """Give a file another status for as long as the block lasts."""
    [row] = registry.rows("SELECT status FROM file_uploads WHERE id = $1", file_id)
    set_column(registry, file_id, "status", status)
    try:
        yield
    finally:
        set_column(registry, file_id, "status", row["status"])


def end_pending(client: httpx.Client) -> None:
    """Remove every upload that was begun and not ended, as far as the caller may."""
    while begun := client.get("/files", params={"status": "pending", "limit": 1000}).json()["items"]:
        for file in begun:
            client.delete(f"/files/{file['id']}", params={"hard_delete": True})


def hard_delete(client: httpx.Client, registry: Registry, file: dict, *, patience_seconds: float = 30.0) -> None:
    """Remove a file for good, and wait until its bytes are gone too."""
    assert client.delete(f"/files/{file['id']}", params={"hard_delete": True}).status_code == 204
    left = "SELECT 1 FROM stored_objects WHERE file_id = $1 AND state <> 'removed'"
    wait_until(lambda: registry.rows(left, file["id"]) == [], timeout_seconds=patience_seconds)
