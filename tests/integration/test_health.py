"""Liveness asks nobody; readiness asks everybody, briefly, and not too often."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import contextmanager

import asyncpg
import httpx
import pytest

from app.cli.database import migrate_to_newest
from tests.support.databases import fresh_database
from tests.support.faulty_store import faulty_store
from tests.support.service import wait_until

PARTS = {"database", "migrations", "bucket", "bucket_write", "outbox"}


@pytest.fixture
def proxied(parts, start_service):
    """A service of its own, which has just tried to write at its start, behind a proxy that can fail."""
    with (
        faulty_store(parts["S3_ENDPOINT_URL"]) as proxy,
        start_service(store={"endpoint_url": proxy.endpoint_url}) as service,
    ):
        # One GET asks whether the bucket has versions that the deletion left, one lists what lies in staging.
        asked = {"PUT": 1, "DELETE": 1, "GET": 2}
        wait_until(lambda: Counter(request.split()[0] for request in proxy.requests) == asked)
        proxy.requests.clear()
        yield service, proxy
        proxy.heal()  # a stopping service waits for what it began


@pytest.fixture
def other_database(database_url):
    """An empty database, reached by its URL."""
    with fresh_database(database_url, is_migrated=False) as url:
        yield url


@contextmanager
def at_most(seconds: float):
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


def ready(service) -> httpx.Response:
    return httpx.get(f"{service.base_url}/health/ready", timeout=20)


def statuses(answer: httpx.Response) -> dict[str, str]:
    return {part: check["status"] for part, check in answer.json()["checks"].items()}


def test_a_service_with_all_its_parts_is_ready(service, bucket):
    before = bucket.all_keys()
    answer = ready(service)
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert statuses(answer) == dict.fromkeys(PARTS, "ok")
    assert all(check["latency_ms"] >= 0 for check in answer.json()["checks"].values())
    assert bucket.all_keys() - before == set()


def test_liveness_asks_nobody(proxied):
    """Case 97: an outage of the store must not restart the service."""
    service, proxy = proxied
    proxy.refuse()
    with at_most(0.5):
        answer = httpx.get(f"{service.base_url}/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert proxy.requests == []


def strictly_ready(service) -> httpx.Response:
    return httpx.get(f"{service.base_url}/health/ready", params={"strict": True}, timeout=20)


def test_a_store_that_hangs_is_told_within_two_seconds(proxied):
    """Case 97: the probes run in parallel, and none is waited for longer."""
    service, proxy = proxied
    proxy.stall_after(0, direction="up")
    with at_most(3):
        answer = ready(service)
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["degraded"] == ["bucket"]
    expected = {"database": "ok", "migrations": "ok", "bucket": "timeout", "bucket_write": "ok", "outbox": "ok"}
    assert statuses(answer) == expected
    with at_most(0.5):
        assert httpx.get(f"{service.base_url}/health").status_code == 200


def test_a_hanging_store_is_asked_again_only_after_it_answered(proxied, monkeypatch):
    """Case 97: health checks must not take the threads away from everybody else."""
    service, proxy = proxied
    monkeypatch.setattr("app.api.health.ANSWER_LIVES_SECONDS", 0.0)
    proxy.stall_after(0, direction="up")
    for _ in range(2):
        assert strictly_ready(service).status_code == 503
    asked = Counter(line.partition(" ")[0] for line in proxy.requests)
    assert asked["HEAD"] == 1
    assert asked["PUT"] <= 1, "the trial of writing, which is made beside"
    proxy.heal()
    assert strictly_ready(service).status_code in {200, 503}  # what hung may just be ending
    assert strictly_ready(service).status_code == 200


def test_a_store_that_refuses_leaves_it_serving_and_tells_nobody_where_it_is(proxied):
    """A balancer that removed the whole fleet would end what still works."""
    service, proxy = proxied
    proxy.refuse()
    answer = ready(service)
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert strictly_ready(service).status_code == 503
    assert answer.json()["checks"]["bucket"]["detail"] == "storage_unavailable"
    assert service.settings.store.bucket_name not in answer.text
    assert proxy.endpoint_url not in answer.text


def test_an_answer_is_kept_for_a_while(proxied):
    service, proxy = proxied
    assert ready(service).status_code == 200
    asked = len(proxy.requests)
    proxy.refuse()
    for _ in range(5):
        assert ready(service).status_code == 200
    assert len(proxy.requests) == asked


def test_a_bucket_that_is_not_there_is_named(start_service):
    with start_service(store={"bucket_name": "nobody-made-this"}) as service:
        answer = ready(service)
        assert answer.status_code == 200
        assert set(answer.json()["degraded"]) >= {"bucket", "bucket_write"}
        assert strictly_ready(service).status_code == 503
        assert statuses(answer)["bucket"] == "failed"
        assert "nobody-made-this" not in answer.text


def test_an_empty_database_makes_it_not_ready(start_service, other_database):
    with start_service(database={"url": other_database}) as service:
        answer = ready(service)
        assert answer.status_code == 503
        assert answer.json()["checks"]["migrations"]["status"] == "failed"
        assert "python -m app migrate" in answer.json()["checks"]["migrations"]["detail"]
        assert statuses(answer)["database"] == "ok"


def test_a_schema_of_another_version_makes_it_not_ready(start_service, other_database):
    migrate_to_newest(other_database)

    async def step_back() -> None:
        connection = await asyncpg.connect(other_database)
        await connection.execute("UPDATE alembic_version SET version_num = 'older'")
        await connection.close()

    asyncio.run(step_back())
    with start_service(database={"url": other_database}) as service:
        answer = ready(service)
        assert answer.status_code == 503
        assert "older" in answer.json()["checks"]["migrations"]["detail"]


def test_a_database_that_is_down_makes_it_not_ready(start_service):
    with start_service(database={"url": "postgresql://holdfast:secret@127.0.0.1:1/none"}) as service:
        with at_most(3):
            answer = ready(service)
        assert answer.status_code == 503
        failed = {"database", "migrations", "outbox"}
        assert statuses(answer) == {part: "failed" if part in failed else "ok" for part in PARTS}
        assert "secret" not in answer.text


def test_every_loop_is_shown_with_its_last_success(service):
    wait_until(lambda: all(loop["last_success_at"] for loop in ready(service).json()["loops"].values()))
    loops = ready(service).json()["loops"]
    assert loops.keys() == {"store_capabilities", "cleanup", "staging", "outbox", "bucket_write"}
    assert {loop["status"] for loop in loops.values()} == {"ok"}


def test_a_loop_that_stands_still_is_named(start_service, monkeypatch):
    monkeypatch.setattr("app.core.background.SHORTEST_STALE_SECONDS", 0.0)
    monkeypatch.setattr("app.api.health.ANSWER_LIVES_SECONDS", 0.0)

    async def hang(_cleanup):
        await asyncio.Event().wait()

    monkeypatch.setattr("app.modules.files.services.cleanup.CleanupService.run_once", hang)
    with start_service(upload={"cleanup_interval_seconds": 0.1}) as service:
        wait_until(lambda: "cleanup" in ready(service).json()["degraded"])
        answer = ready(service)
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert answer.json()["loops"]["cleanup"]["status"] == "stale"


def test_a_service_that_started_on_a_read_only_database_learns_when_it_can_write(start_service, database_url):
    """On 218078a it answered POST /files/uploads with 503 for ever."""
    wish = {"filename": "a.txt", "content_type": "text/plain", "file_size": 1}
    with fresh_database(database_url) as url:
        make_read_only(url, "on")
        with (
            start_service(database={"url": url}, store={"capabilities": {}}) as service,
            service.client("learner") as client,
        ):
            refused = client.post("/files/uploads", json=wish)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
            make_read_only(url, "off")
            wait_until(lambda: client.post("/files/uploads", json=wish).status_code == 201, timeout_seconds=60)


def make_read_only(url: str, state: str) -> None:
    """As after a failover: connections that are opened from now on can't write, and the others are closed."""

    async def switch() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute("SET default_transaction_read_only = off")
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {state}')
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()"
        await connection.execute(others, name)
        await connection.close()

    asyncio.run(switch())


def test_a_stopping_service_is_not_ready(proxied):
    service, _ = proxied
    service.app.state.readiness.is_stopping = True
    answer = ready(service)
    assert (answer.status_code, answer.json()["status"]) == (503, "stopping")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_health_is_only_read(service, method):
    assert httpx.request(method, f"{service.base_url}/health").status_code == 405
