"""What the audit journal says, as an admin reads it."""

from __future__ import annotations

import httpx


def entries(admin: httpx.Client, **query: object) -> list[dict]:
    """All entries that a query finds, oldest first."""
    found: list[dict] = []
    page = {"next_cursor": None}
    while True:
        cursor = {} if page["next_cursor"] is None else {"cursor": page["next_cursor"]}
        answer = admin.get("/audit", params={**query, "limit": 1000, **cursor})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found[::-1]


def told(admin: httpx.Client, file_id: str) -> list[tuple[str, str, str, dict]]:
    """A file's story: who, what, with which result, and the details."""
    return [
        (f"{each['actor_kind']} {each['actor']}", each["action"], each["result"], each["details"])
        for each in entries(admin, file_id=file_id)
    ]
