"""Counts in memory: exact in a window, sliding into the next, never more than so many."""

from __future__ import annotations

import pytest
from limits import parse
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from app.modules.rates.memory import BoundedMemory

MINUTE = parse("10/minute")


@pytest.fixture
def clock(monkeypatch):
    """Time that passes when it's told to."""

    class Clock:
        now = 6_000.0

        def time(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr("app.modules.rates.memory.time", clock)
    monkeypatch.setattr("limits.aio.strategies.time", clock)
    return clock


@pytest.fixture
def limiter(clock):  # noqa: ARG001 -- time stands still for it
    return SlidingWindowCounterRateLimiter(BoundedMemory(most_keys=100))


async def passed(limiter, count: int, caller: str = "alice") -> int:
    return sum([await limiter.hit(MINUTE, caller) for _ in range(count)])


async def test_no_more_pass_in_a_window_than_may(limiter):
    assert await passed(limiter, 25) == 10
    assert await passed(limiter, 25, "bob") == 10


async def test_the_window_before_weighs_less_and_less(limiter, clock):
    await passed(limiter, 10)
    clock.now += 60 + 30
    assert await passed(limiter, 25) == 5
    clock.now += 30
    assert 0 < await passed(limiter, 25) <= 6


async def test_no_burst_of_twice_the_limit_passes_at_the_edge_of_a_window(limiter, clock):
    clock.now += 59
    assert await passed(limiter, 25) == 10
    clock.now += 2
    assert await passed(limiter, 25) <= 1


async def test_after_two_silent_windows_all_is_forgotten(limiter, clock):
    await passed(limiter, 10)
    clock.now += 120
    assert await passed(limiter, 25) == 10


async def test_what_is_left_and_when_there_is_more_is_told(limiter, clock):
    await passed(limiter, 4)
    clock.now += 15
    stats = await limiter.get_window_stats(MINUTE, "alice")
    assert (stats.remaining, stats.reset_time - clock.now) == (6, 45)
    await passed(limiter, 6)
    clock.now += 45 + 15
    stats = await limiter.get_window_stats(MINUTE, "alice")
    # 10 requests weigh 7.5 by now, and one less every six seconds.
    assert (stats.remaining, stats.reset_time - clock.now) == (3, 3)


async def test_only_so_many_callers_are_remembered(limiter):
    for number in range(1_000):
        await limiter.hit(MINUTE, f"address-{number}")
    assert len(limiter.storage) == 100


async def test_who_calls_often_is_not_forgotten_for_those_who_call_once(limiter):
    assert await passed(limiter, 10) == 10
    for number in range(1_000):
        await limiter.hit(MINUTE, f"address-{number}")
        if number % 50 == 0:
            assert await passed(limiter, 1) == 0


async def test_those_who_fell_silent_are_forgotten_as_others_come(limiter, clock):
    for number in range(100):
        await limiter.hit(MINUTE, f"address-{number}")
    clock.now += 120
    for number in range(60):
        await limiter.hit(MINUTE, f"later-{number}")
    assert len(limiter.storage) == 60


async def test_what_is_cleared_counts_from_nothing(limiter):
    await passed(limiter, 10)
    await limiter.clear(MINUTE, "alice")
    assert await passed(limiter, 10) == 10
    assert await limiter.storage.reset() == 1
    assert await passed(limiter, 10) == 10
