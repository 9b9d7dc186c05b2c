"""The secret that the registry keeps: one for all processes, random, and made by whoever needs it first."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import httpx
import pytest

from app.config import DatabaseSettings
from app.core.database import Database
from app.core.database_errors import DatabaseUnavailable
from app.core.signing_secret import SigningSecret
from tests.support.databases import fresh_database
from tests.support.service import SECRET
from tests.support.stores import Registry

PROCESSES = 8


async def keys_of(url: str, processes: int = PROCESSES) -> set[bytes]:
    """The keys that processes get which start at once."""
    async with AsyncExitStack() as stack:
        secrets = []
        for _ in range(processes):
            database = Database(DatabaseSettings(_env_file=None, url=url, pool_size=1))
            stack.push_async_callback(database.close)
            secrets.append(SigningSecret(None, database))
        await asyncio.gather(*(secret.load() for secret in secrets))
        return {secret.key_for("anything") for secret in secrets}


def test_processes_that_start_at_once_agree_on_one_secret_and_later_ones_find_it(parts):
    with fresh_database(parts["DATABASE_URL"]) as url:
        [first] = asyncio.run(keys_of(url))
        assert asyncio.run(keys_of(url, 1)) == {first}
        [kept] = Registry(url).rows("SELECT name, value FROM kept_secrets")
        assert (kept["name"], len(kept["value"])) == ("signing", 32)


def test_each_registry_has_another_and_a_new_one_once_it_is_deleted(parts):
    with fresh_database(parts["DATABASE_URL"]) as url:
        [first] = asyncio.run(keys_of(url, 1))
        Registry(url).rows("DELETE FROM kept_secrets")
        [second] = asyncio.run(keys_of(url, 1))
    with fresh_database(parts["DATABASE_URL"]) as url:
        [third] = asyncio.run(keys_of(url, 1))
    assert len({first, second, third}) == 3


def test_a_registry_without_the_table_is_unavailable(parts):
    with fresh_database(parts["DATABASE_URL"], is_migrated=False) as url, pytest.raises(DatabaseUnavailable):
        asyncio.run(keys_of(url, 1))


def test_the_operators_own_secret_needs_no_registry_and_each_purpose_has_its_key():
    secret = SigningSecret(b"the operator's own, long enough for all")
    asyncio.run(secret.load())
    assert secret.key_for("cursor") != secret.key_for("uppy")
    with pytest.raises(RuntimeError, match="before it is loaded"):
        SigningSecret(None).key_for("cursor")


def test_a_cursor_of_one_service_is_taken_by_another_of_the_same_registry(service, start_service, lister):
    for name in ("a.txt", "b.txt"):
        assert lister.post("/files/upload", files={"file": (name, b"x")}).status_code == 201
    cursor = lister.get("/files", params={"limit": 1}).json()["next_cursor"]

    def following(other) -> httpx.Response:
        address = f"{other.base_url}/api/v1/files"
        return httpx.get(address, params={"limit": 1, "cursor": cursor}, headers=dict(lister.headers))

    assert cursor
    with start_service() as other:
        assert other.port != service.port
        assert len(following(other).json()["items"]) == 1
    with start_service(auth={"jwt_secret": SECRET, "signing_secret": SECRET[::-1]}) as other:
        assert following(other).json()["code"] == "invalid_cursor"
