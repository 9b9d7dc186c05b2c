"""Callers who use up what they have."""

from __future__ import annotations

import httpx

# Windows so long that none ends while a test runs.
FIVE = {"rate_limit": "5/day"}


def statuses(client, count: int, path: str = "/files", **options) -> list[int]:
    return [client.get(path, **options).status_code for _ in range(count)]


def used_up(client) -> httpx.Response:
    """The refusal that comes after all requests that were left."""
    assert statuses(client, 5) == [200] * 5
    return client.get("/files")
