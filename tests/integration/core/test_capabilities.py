"""What the store keeps is found out on the real one, once for all workers, and nothing of the trying is left."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from app.config import ConfigurationError
from app.core.capabilities import registry as learned
from app.core.capabilities import sandbox
from app.core.capabilities.store import NAMES, Capabilities, CapabilitiesUnknown, StoreCapabilities, learn_capabilities
from app.core.database import Database
from app.core.database_errors import DatabaseUnavailable
from app.core.s3.adapter import S3
from app.core.s3.errors import StorageMisconfigured, StorageUnavailable
from tests.support.faulty_store import faulty_store
from tests.support.service import settings_with


@pytest.fixture
def proxy(parts):
    with faulty_store(parts["S3_ENDPOINT_URL"]) as proxy:
        yield proxy


@pytest.fixture
def connect(base_settings, proxy):
    """What one worker has: `async with connect(key_prefix="a") as (database, s3)`, its store behind the proxy."""

    @asynccontextmanager
    async def connected(**store):
        settings = settings_with(base_settings, store={"endpoint_url": proxy.endpoint_url, **store})
        database, s3 = Database(settings.database), S3(settings.store)
        try:
            yield database, s3
        finally:
            await s3.close(5.0)
            await database.close()

    return connected


def kept(registry, proxy) -> list[dict]:
    """The rows of the store behind this proxy."""
    endpoint = proxy.endpoint_url.removeprefix("http://")
    return registry.rows("SELECT * FROM store_capabilities WHERE endpoint = $1", endpoint)


def trial_keys(bucket, prefix: str = "") -> list[str]:
    listed = bucket.client.list_objects_v2(Bucket=bucket.name, Prefix=f"{prefix}.holdfast/trial-")
    return [item["Key"] for item in listed.get("Contents", [])]


async def learned_by_one(connect, pinned=None, **store) -> Capabilities:
    async with connect(**store) as worker:
        return await learn_capabilities(*worker, pinned or {})


async def test_what_is_found_out_is_stored_and_read_next_time(connect, registry, proxy, bucket):
    with capture_logs() as logs:
        first = await learned_by_one(connect)
        asked = len(proxy.requests)
        assert await learned_by_one(connect) == first
    assert len(proxy.requests) == asked > 0
    [row] = await asyncio.to_thread(kept, registry, proxy)
    assert row["bucket"] == bucket.name
    told = [line for line in logs if line["event"] == "store_capabilities"]
    assert [line["source"] for line in told] == ["probed", "stored"]
    assert all({name: line[name] for name in NAMES} == asdict(first) for line in told)


async def test_ten_workers_that_start_together_try_once(connect, registry, proxy):
    """One tries; the others wait for it, then read."""
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(connect()) for _ in range(10)]
        with capture_logs() as logs:
            found = await asyncio.gather(*(learn_capabilities(*worker, {}) for worker in workers))
    assert len(set(found)) == 1
    sources = sorted(line["source"] for line in logs if line["event"] == "store_capabilities")
    assert sources == ["probed"] + ["stored"] * 9
    assert len(await asyncio.to_thread(kept, registry, proxy)) == 1


async def test_trying_leaves_nothing(connect, bucket):
    await learned_by_one(connect, key_prefix="some/where")
    assert trial_keys(bucket) + trial_keys(bucket, "some/where/") == []
    assert bucket.unfinished() == []


async def test_another_prefix_or_bucket_is_another_store(connect, registry, proxy):
    await learned_by_one(connect)
    await learned_by_one(connect, key_prefix="elsewhere")
    assert len(await asyncio.to_thread(kept, registry, proxy)) == 2


async def test_a_store_that_is_away_gives_no_verdict(connect, registry, proxy):
    proxy.refuse()
    with pytest.raises(StorageUnavailable):
        await learned_by_one(connect)
    assert await asyncio.to_thread(kept, registry, proxy) == []


async def test_a_store_that_goes_away_half_way_gives_no_verdict(connect, registry, proxy, bucket, monkeypatch):
    """What is unknown must not count as not kept; what could not be removed is when it was tried next."""

    async def go_away():
        async with asyncio.timeout(20):
            while sum("X-Amz-Signature" in request for request in proxy.requests) < 5:  # noqa: ASYNC110 -- a proxy's list
                await asyncio.sleep(0.005)
        proxy.refuse()

    with pytest.raises(StorageUnavailable):
        await asyncio.gather(learned_by_one(connect), go_away())
    assert await asyncio.to_thread(kept, registry, proxy) == []
    assert trial_keys(bucket) != []
    proxy.heal()
    monkeypatch.setattr(sandbox, "LEFTOVERS_AGE", timedelta(seconds=-5))
    await learned_by_one(connect)
    assert trial_keys(bucket) == []


async def test_a_bucket_that_is_not_ours_gives_no_verdict(connect, registry, proxy):
    with pytest.raises(StorageMisconfigured):
        await learned_by_one(connect, bucket_name="nobody-made-this")
    assert await asyncio.to_thread(kept, registry, proxy) == []


async def test_what_is_old_is_tried_again_and_used_where_that_fails(connect, registry, proxy, monkeypatch):
    first = await learned_by_one(connect)
    monkeypatch.setattr(learned, "MAX_AGE", timedelta(0))
    asked = len(proxy.requests)
    assert await learned_by_one(connect) == first
    assert len(proxy.requests) > asked
    [row] = await asyncio.to_thread(kept, registry, proxy)
    proxy.refuse()
    assert await learned_by_one(connect) == first
    assert await asyncio.to_thread(kept, registry, proxy) == [row]


async def test_pinned_flags_overrule_what_was_found(connect):
    found = asdict(await learned_by_one(connect))
    pins = {"conditional_put": not found["conditional_put"], "versioning": True}
    assert asdict(await learned_by_one(connect, pins)) == found | pins
    assert asdict(await learned_by_one(connect)) == found


async def test_with_all_flags_pinned_nobody_is_asked(connect, proxy, registry):
    pins = dict.fromkeys(NAMES, True)
    assert await learned_by_one(connect, pins) == Capabilities(**pins)
    assert proxy.requests == []
    assert await asyncio.to_thread(kept, registry, proxy) == []


async def test_an_unknown_flag_is_a_mistake_of_the_operator(connect):
    async with connect() as worker:
        with pytest.raises(ConfigurationError, match="conditional_puts is unknown"):
            StoreCapabilities(*worker, {"conditional_puts": True})


async def test_nothing_counts_as_kept_until_it_was_seen(connect, proxy, monkeypatch):
    """A service starts while its store is away, and learns when it is back."""
    monkeypatch.setattr("app.core.capabilities.store.LOOK_SECONDS", 0.05)
    proxy.refuse()
    async with connect() as worker:
        capabilities = StoreCapabilities(*worker, {"post_policy": True})
        learning = asyncio.create_task(capabilities.loop().run_forever())
        with capture_logs() as logs:
            async with asyncio.timeout(20):
                while not any(line["event"] == "background_loop_failed" for line in logs):  # noqa: ASYNC110 -- a log
                    await asyncio.sleep(0.01)
        assert not capabilities.is_learned
        assert capabilities.current == Capabilities(post_policy=True)
        monkeypatch.setattr("app.core.capabilities.store.WAIT_SECONDS", 0.05)
        with pytest.raises(CapabilitiesUnknown):
            await capabilities.known()
        proxy.heal()
        monkeypatch.setattr("app.core.capabilities.store.WAIT_SECONDS", 60)
        assert (await capabilities.known()).verifies_sha256
        assert capabilities.is_learned
        learning.cancel()
        await asyncio.gather(learning, return_exceptions=True)


async def test_a_service_that_stops_meanwhile_stops_trying_and_cleans_up(connect, proxy, bucket, registry):
    async with connect() as worker:
        learning = asyncio.create_task(learn_capabilities(*worker, {}))
        async with asyncio.timeout(20):
            while not any("X-Amz-Signature" in request for request in proxy.requests):  # noqa: ASYNC110 -- a proxy's list
                await asyncio.sleep(0.005)
        learning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await learning
    assert trial_keys(bucket) == []
    assert await asyncio.to_thread(kept, registry, proxy) == []


async def test_before_the_migrations_ran_it_is_said_that_the_registry_is_not_ready(base_settings, parts):
    settings = settings_with(base_settings, database={"url": parts["DATABASE_URL"]})
    database, s3 = Database(settings.database), S3(settings.store)
    with pytest.raises(DatabaseUnavailable):
        await learn_capabilities(database, s3, {})
    await s3.close(5.0)
    await database.close()
