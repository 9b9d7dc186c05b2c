"""Many ids at once: all of them are counted or none, and who is refused is told when there is room."""

from __future__ import annotations

import pytest
from limits import parse

from app.modules.rates import counting, memory
from app.modules.rates.callers import CallerKind, CountedCaller
from app.modules.rates.counter import RateCounter

ALICE = CountedCaller.of(CallerKind.PRINCIPAL, "alice")


@pytest.fixture
def clock(monkeypatch):
    """Time that passes when it's told to."""

    class Clock:
        now = 6_000.0

        def time(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(memory, "time", clock)
    monkeypatch.setattr(counting, "time", clock)
    monkeypatch.setattr("limits.aio.strategies.time", clock)
    return clock


@pytest.fixture
def counter():
    return RateCounter([parse("1/minute")], None, [parse("100/minute")])


@pytest.mark.usefixtures("clock")
async def test_ids_and_requests_are_counted_apart(counter):
    assert not (await counter.count_ids(ALICE, 100)).is_refused
    assert not (await counter.count(ALICE)).is_refused
    assert (await counter.count_ids(ALICE, 1)).is_refused
    assert (await counter.count(ALICE)).is_refused


@pytest.mark.usefixtures("clock")
async def test_ids_for_which_there_is_no_room_are_not_counted(counter):
    standing = await counter.count_ids(ALICE, 60)
    assert (standing.limit, standing.remaining, standing.is_refused) == (100, 40, False)
    assert (await counter.count_ids(ALICE, 41)).is_refused
    assert not (await counter.count_ids(ALICE, 40)).is_refused


@pytest.mark.parametrize("counted", [[(0, 100)], [(0, 40), (60, 60)], [(0, 100), (90, 50)], [(59, 100)]])
@pytest.mark.parametrize("ids", [2, 30, 50, 100])
async def test_who_comes_back_when_told_finds_room_and_not_long_before(counter, clock, counted, ids):
    for at, more in counted:
        clock.now = 6_000.0 + at
        assert not (await counter.count_ids(ALICE, more)).is_refused
    standing = await counter.count_ids(ALICE, ids)
    if not standing.is_refused:
        return
    clock.now += standing.reset_seconds - 2
    assert standing.reset_seconds <= 2 or (await counter.count_ids(ALICE, ids)).is_refused
    clock.now += 2
    assert not (await counter.count_ids(ALICE, ids)).is_refused


async def test_what_is_not_limited_is_not_counted():
    assert await RateCounter([], None, [parse("1/day")]).count(ALICE) is None
    assert await RateCounter([parse("1/day")], None).count_ids(ALICE, 1) is None
