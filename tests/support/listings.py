"""Asks for listings over HTTP, page by page."""

from __future__ import annotations

from collections.abc import Callable

import httpx


def ids(client: httpx.Client, **query) -> list[str]:
    """The ids on one page."""
    return [item["id"] for item in page_of(client, **query)["items"]]


def page_of(client: httpx.Client, path: str = "/files", **query) -> dict:
    """One page."""
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def walk(
    client: httpx.Client, between_pages: Callable[[], object] = lambda: None, *, path: str = "/files", **query
) -> list[dict]:
    """All items, page by page."""
    found, cursor = [], None
    while True:
        page = page_of(client, path, **query, **({"cursor": cursor} if cursor else {}))
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
        between_pages()
