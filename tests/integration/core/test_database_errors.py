"""Every SQLSTATE while the service works: what callers are told, and that the loops live on."""

from __future__ import annotations

import httpx
import pytest
from asyncpg import exceptions as asyncpg_exceptions
from sqlalchemy import text

from app.config import DatabaseSettings
from app.core.database import Database
from app.core.database_errors import DatabaseUnavailable, is_worth_a_retry
from tests.support.faulty_database import faulty_database
from tests.support.service import wait_until

# A second try can help with these, whatever else their class is.
AWAY = {
    "0A000": "a migration made a prepared plan invalid",
    "08006": "the connection broke",
    "25006": "read-only after a failover",
    "25P03": "idle in a transaction",
    "26000": "a pooler forgot a prepared statement",
    "28000": "no such role",
    "28P01": "rotated credentials",
    "3D000": "no such database",
    "3F000": "no such schema",
    "40001": "serialization",
    "40P01": "deadlock",
    "42501": "no privilege",
    "42P01": "not migrated",
    "42P05": "a pooler's prepared statement of another client",
    "53100": "disk full",
    "53300": "too many connections",
    "55P03": "lock time-out",
    "57014": "statement time-out",
    "57P01": "shutdown",
    "57P03": "starting",
    "58030": "I/O",
    "72000": "snapshot too old",
    "F0000": "configuration file",
    "XX000": "internal error",
    "XX001": "data corrupted",
    "ZZ999": "a code that nobody knows",
}
# The statement itself is wrong: a client that tries again gets the same.
OURS = {"22003": "out of range", "23505": "unique violation", "42601": "syntax", "42804": "types", "P0001": "raised"}


def test_every_class_of_the_drivers_list_is_one_or_the_other():
    """A class that asyncpg learns later is worth a retry until somebody decides otherwise."""
    known = {
        sqlstate
        for error in vars(asyncpg_exceptions).values()
        if isinstance(sqlstate := getattr(error, "sqlstate", None), str)
    }
    assert len({code[:2] for code in known}) > 30
    assert {code for code in AWAY if not is_worth_a_retry(code)} == set()
    assert {code for code in OURS if is_worth_a_retry(code)} == set()
    assert {
        code for code in known if code[:2] in {"08", "28", "40", "53", "55", "57", "58"} and not is_worth_a_retry(code)
    } == set()


@pytest.mark.parametrize("sqlstate", AWAY, ids=[f"{code}: {why}" for code, why in AWAY.items()])
async def test_a_database_that_is_away_is_unavailable(database_url, sqlstate):
    """However it is said: by a statement of ours, or while the connection is being set up."""
    with faulty_database(database_url) as proxy:
        database = Database(DatabaseSettings(_env_file=None, url=proxy.url))
        try:
            proxy.raise_on_all(sqlstate)
            with pytest.raises(DatabaseUnavailable) as caught:
                async with database.transaction() as session:
                    await session.execute(text("SELECT 1"))
            assert caught.value.cause == sqlstate
            proxy.heal()
            async with database.transaction() as session:
                assert await session.scalar(text("SELECT 1")) == 1
        finally:
            await database.close()


@pytest.fixture
def troubled(start_service, database_url):
    """A service with quick loops, its client, and the proxy before its database."""
    quick = {"cleanup_interval_seconds": 0.1, "lease_seconds": 1}
    with (
        faulty_database(database_url) as proxy,
        start_service(
            database={"url": proxy.url},
            upload=quick,
            outbox={"poll_seconds": 0.1},
            maintenance={"maintenance_interval_seconds": 1, "reconcile_grace_seconds": 3600},
        ) as service,
        service.client("troubled") as client,
    ):
        yield service, client, proxy


def loops(service) -> dict[str, dict]:
    return httpx.get(f"{service.base_url}/health/ready", timeout=20).json()["loops"]


def successes(service) -> dict[str, str | None]:
    return {name: loop["last_success_at"] for name, loop in loops(service).items()}


@pytest.mark.parametrize("sqlstate", ["25006", "28P01", "40P01", "42501", "55P03", "22003", "ZZ999"])
def test_loops_live_on_after_a_window_of_errors(troubled, sqlstate, monkeypatch):
    """On 218078a one error that nobody translated ended maintenance for the life of the process."""
    monkeypatch.setattr("app.api.health.ANSWER_LIVES_SECONDS", 0.0)
    service, client, proxy = troubled
    wait_until(lambda: all(successes(service).values()))
    failures = {name: loop["failures"] for name, loop in loops(service).items()}
    proxy.raise_on_all(sqlstate)
    doomed = {"cleanup", "maintenance", "outbox"}
    wait_until(lambda: all(loops(service)[name]["failures"] > failures[name] for name in doomed), timeout_seconds=60)
    answer = client.get("/files")
    expected = 503 if is_worth_a_retry(sqlstate) else 500
    assert answer.status_code == expected, answer.text
    if expected == 503:
        assert answer.json()["code"] == "database_unavailable"
        assert answer.headers["Retry-After"]
    proxy.heal()
    before = successes(service)
    wait_until(lambda: all(successes(service)[name] != before[name] for name in doomed), timeout_seconds=60)
    file = client.put("/files/raw/alive.txt", content=b"alive")
    assert file.status_code == 201
    assert client.delete(f"/files/{file.json()['id']}", params={"hard_delete": True}).status_code == 204
