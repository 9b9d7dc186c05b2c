"""Opens files to others over HTTP, and calls as those others."""

from __future__ import annotations

from urllib.parse import quote

import httpx

from tests.support.service import Service
from tests.support.tokens import signed


def grant_path(file: dict, principal: str) -> str:
    """Where a grant is, with every character of the principal percent-encoded that can be."""
    return f"/files/{file['id']}/grants/{quote(principal, safe='')}"


def grant(client: httpx.Client, file: dict, principal: str, access: str = "read") -> dict:
    """Grant a file, for the first time or again; returns the answer's body."""
    answer = client.put(grant_path(file, principal), json={"access": access})
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


def revoke(client: httpx.Client, file: dict, principal: str) -> None:
    """Take a grant away that there is."""
    answer = client.delete(grant_path(file, principal))
    assert answer.status_code == 204, answer.text


def caller(service: Service, subject: str, *groups: str, **claims) -> httpx.Client:
    """A client that calls with a token which names groups."""
    token = signed(sub=subject, groups=list(groups), **claims)
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=f"{service.base_url}/api/v1", headers=headers, timeout=60)
