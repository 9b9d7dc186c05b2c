"""Loops go on whatever their steps raise, say each cause once, and tell how they stand."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from app.core.background import BackgroundLoop, LoopStatus, running
from app.core.database_errors import DatabaseUnavailable


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch):
    monkeypatch.setattr("app.core.background.FIRST_PAUSE_SECONDS", 0.001)


class Steps:
    """Steps that fail as told, one after the other, and then succeed."""

    def __init__(self, *failures: BaseException) -> None:
        self.taken = 0
        self.all_failed = asyncio.Event()
        self._failures = list(failures)

    async def step(self) -> None:
        self.taken += 1
        if self._failures:
            raise self._failures.pop(0)
        self.all_failed.set()

    def loop(self, **options) -> BackgroundLoop:
        return BackgroundLoop("work", self.step, **({"interval_seconds": 0.01} | options))


@pytest.mark.parametrize(
    "failure",
    [DatabaseUnavailable(cause="25006"), ValueError("nobody foresaw it"), RuntimeError(), asyncio.CancelledError()],
    ids=["expected", "unexpected", "runtime", "something inside was cancelled"],
)
async def test_a_step_that_fails_is_followed_by_the_next(failure):
    steps = Steps(failure, failure)
    async with running([steps.loop()]), asyncio.timeout(10):
        await steps.all_failed.wait()


async def test_a_cause_is_said_once_and_so_is_its_end():
    steps = Steps(*[DatabaseUnavailable(cause="25006") for _ in range(5)], ValueError(), ValueError())
    with capture_logs() as logs:
        async with running([steps.loop()]), asyncio.timeout(10):
            await steps.all_failed.wait()
            await asyncio.sleep(0)
    said = [(line["event"], line.get("cause")) for line in logs]
    assert said == [
        ("background_loop_failed", "database_unavailable (25006)"),
        ("background_loop_failed", "ValueError"),
        ("background_loop_recovered", None),
    ]


async def test_pauses_grow_up_to_their_limit():
    steps = Steps(*[ValueError() for _ in range(20)])
    loop = steps.loop(longest_pause_seconds=0.1)
    pauses = [await loop.take_step() for _ in range(20)]
    assert pauses[0] <= 0.001
    assert pauses[5] > pauses[0] * 4
    assert all(0.05 <= pause <= 0.1 for pause in pauses[-5:])


async def test_a_loop_tells_how_it_stands():
    steps = Steps(ValueError())
    loop = steps.loop(interval_seconds=60)
    await loop.take_step()
    failing = loop.report()
    assert (failing.status, failing.failures, failing.cause) == (LoopStatus.FAILING, 1, "ValueError")
    assert failing.last_success_at is None
    assert await loop.take_step() == 60
    well = loop.report()
    assert (well.status, well.failures, well.cause) == (LoopStatus.OK, 1, None)
    assert well.last_success_at is not None


async def test_a_loop_without_success_for_three_intervals_is_stale(monkeypatch):
    now = 1000.0
    monkeypatch.setattr("app.core.background.time.monotonic", lambda: now)
    loop = Steps().loop(interval_seconds=60)
    await loop.take_step()
    now += 3 * 60
    assert loop.report().status is LoopStatus.OK
    now += 1
    assert loop.report().status is LoopStatus.STALE


async def test_loops_end_with_their_block():
    begun = asyncio.Event()

    async def hangs():
        begun.set()
        await asyncio.Event().wait()

    before = asyncio.all_tasks()
    async with running([BackgroundLoop("hangs", hangs, interval_seconds=1)]):
        await begun.wait()
    assert asyncio.all_tasks() == before
