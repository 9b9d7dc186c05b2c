"""What must happen after a commit: some worker does it, once where nothing goes wrong, in order within a file."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app.config import DatabaseSettings, OutboxSettings, Settings
from app.core.clock import utc_now
from app.core.database import Database
from app.core.exceptions import HoldfastError
from app.core.outbox import Outbox, OutboxEntry, enqueue
from tests.support.databases import fresh_database
from tests.support.processes import environment_of
from tests.support.service import wait_until
from tests.support.stores import Registry


@pytest.fixture(scope="module")
def own_url(parts):
    """A database whose outbox nobody else reads."""
    with fresh_database(parts["DATABASE_URL"]) as url:
        yield url


@pytest.fixture
async def database(own_url):
    database = Database(DatabaseSettings(_env_file=None, url=own_url, pool_size=20))
    yield database
    async with database.transaction() as session:
        await session.execute(OutboxEntry.__table__.delete())
    await database.close()


def worker(database: Database, handler, **settings) -> Outbox:
    return Outbox(database, OutboxSettings(_env_file=None, **settings), {"do": handler})


async def write(database: Database, *subjects: UUID, **columns) -> None:
    async with database.transaction() as session:
        for subject in subjects:
            enqueue(session, [OutboxEntry(topic="do", subject=subject, **columns)])
            await session.flush()


async def due_now(database: Database) -> None:
    """Let the pauses of entries that failed be over."""
    async with database.transaction() as session:
        await session.execute(OutboxEntry.__table__.update().values(due_at=OutboxEntry.created_at))


@pytest.mark.parametrize("workers", [2, 4])
async def test_any_number_of_workers_carry_each_entry_out_once(database, workers):
    done = Counter()

    async def handler(entry):
        done[entry.subject] += 1

    subjects = [uuid4() for _ in range(500)]
    await write(database, *subjects)
    await asyncio.gather(*(worker(database, handler).drain() for _ in range(workers)))
    assert done == Counter(subjects)


async def test_what_was_rolled_back_is_never_carried_out(database):
    seen = []

    async def handler(entry):
        seen.append(entry.subject)

    async with database.transaction() as session:
        enqueue(session, [OutboxEntry(topic="do", subject=uuid4())])
        await session.flush()
        await session.rollback()
    await worker(database, handler).drain()
    assert seen == []


async def test_an_entry_that_fails_blocks_only_its_own_files_later_ones(database):
    broken, other = uuid4(), uuid4()
    seen, is_mended = [], False

    async def handler(entry):
        seen.append((entry.subject, entry.payload["step"]))
        if entry.payload["step"] == 1 and entry.subject == broken and not is_mended:
            raise HoldfastError

    for subject in (broken, other):
        for step in (1, 2):
            await write(database, subject, payload={"step": step})
    outbox = worker(database, handler)
    await outbox.drain()
    assert sorted(seen) == sorted([(broken, 1), (other, 1), (other, 2)])
    assert seen.index((other, 1)) < seen.index((other, 2))
    is_mended = True
    await due_now(database)
    await outbox.drain()
    assert seen[-2:] == [(broken, 1), (broken, 2)]


async def test_an_entry_for_later_waits_and_keeps_nobody_waiting(database):
    subject, seen = uuid4(), []

    async def handler(entry):
        seen.append(entry.payload["step"])

    async with database.transaction() as session:
        later = OutboxEntry(topic="do", subject=subject, payload={"step": 1}, due_at=utc_now() + timedelta(hours=1))
        enqueue(session, [later])
        await session.flush()
        enqueue(session, [OutboxEntry(topic="do", subject=subject, payload={"step": 2})])
    await worker(database, handler).drain()
    assert seen == [2]
    await due_now(database)
    await worker(database, handler).drain()
    assert seen == [2, 1]


async def test_a_pause_grows_with_every_failure_and_the_reason_stays_visible(database):
    async def handler(_entry):
        raise HoldfastError

    await write(database, uuid4())
    outbox, pauses = worker(database, handler), []
    for _ in range(6):
        await outbox.drain()
        async with database.transaction() as session:
            [row] = (await session.execute(OutboxEntry.__table__.select())).all()
        pauses.append((row.due_at - row.created_at).total_seconds())
        assert row.last_error == "internal_error"
        await due_now(database)
    assert pauses[-1] > pauses[0] * 4
    state = await outbox.state()
    assert (state.due, state.failing) == (1, 1)


async def test_the_entry_of_a_worker_that_died_is_taken_over(database):
    seen = asyncio.Queue()

    async def hangs(_entry):
        await seen.put("begun")
        await asyncio.Event().wait()

    async def handler(_entry):
        await seen.put("done")

    await write(database, uuid4())
    dying = worker(database, hangs)
    loop = asyncio.create_task(dying.loop().run_forever())
    assert await seen.get() == "begun"
    # As a kill leaves it: nobody renews the claim any more, and nobody gives it back.
    loop.cancel()
    await dying.stop(0.01)
    assert await worker(database, handler).drain() == 0
    await due_now(database)
    assert await worker(database, handler).drain() == 1
    assert await seen.get() == "done"


async def test_a_long_job_keeps_its_claim(database):
    calls, begun = Counter(), asyncio.Event()

    async def slow(_entry):
        calls["slow"] += 1
        begun.set()
        await asyncio.sleep(1.6)  # longer than its lease: only signs of life keep the others away

    async def handler(_entry):
        calls["other"] += 1

    await write(database, uuid4())
    running = asyncio.create_task(worker(database, slow, lease_seconds=1).drain())
    await begun.wait()
    other = worker(database, handler)
    while not running.done():
        await other.drain()
        await asyncio.sleep(0.05)
    assert calls == Counter({"slow": 1})


async def test_a_commit_wakes_the_worker_of_its_own_process_at_once(database):
    done = asyncio.Event()

    async def handler(_entry):
        done.set()

    loop = asyncio.create_task(worker(database, handler, poll_seconds=600).loop().run_forever())
    await asyncio.sleep(0)
    await write(database, uuid4())
    async with asyncio.timeout(10):
        await done.wait()
    loop.cancel()


async def test_a_topic_that_this_version_does_not_know_waits_for_one_that_does(database):
    async def handler(_entry):
        raise AssertionError

    async with database.transaction() as session:
        enqueue(session, [OutboxEntry(topic="of the next version", subject=uuid4())])
    outbox = worker(database, handler)
    await outbox.drain()
    async with database.transaction() as session:
        [row] = (await session.execute(OutboxEntry.__table__.select())).all()
    assert row.last_error == "KeyError"


def test_a_worker_process_does_what_the_api_leaves_to_it(start_service, own_url, bucket, tmp_path):
    alone = {"database": {"url": own_url}, "outbox": {"enabled": False}}
    with start_service(**alone) as service, service.client("alice") as client:
        file = client.put("/files/raw/a.txt", content=b"hello").json()
        assert client.delete(f"/files/{file['id']}", params={"hard_delete": True}).status_code == 204
        assert client.get(f"/files/{file['id']}").status_code == 404
        assert {file["s3_key"]} <= bucket.keys()
        with worker_process(service.settings, tmp_path / "log") as child:
            wait_until(lambda: not {file["s3_key"]} & bucket.keys())
            wait_until(lambda: Registry(own_url).rows("SELECT 1 FROM outbox") == [])
            child.send_signal(signal.SIGTERM)
            assert child.wait(30) == 0


@contextmanager
def worker_process(settings: Settings, log: Path):
    """`python -m app worker` beside a service, once it is at work."""
    with log.open("w") as output:
        child = subprocess.Popen([sys.executable, "-m", "app", "worker"], env=environment_of(settings), stderr=output)
    try:
        wait_until(lambda: "worker_started" in log.read_text() or child.poll() is not None, timeout_seconds=40)
        assert child.poll() is None, log.read_text()
        yield child
    finally:
        child.kill()
        child.wait()
