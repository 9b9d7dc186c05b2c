"""How long a Redis that failed is left alone, and who is forgotten for whom."""

from __future__ import annotations

import pytest
from limits import parse
from structlog.testing import capture_logs

from app.modules.rates import counter as rate_counter
from app.modules.rates.callers import CallerKind, CountedCaller
from app.modules.rates.counter import RateCounter, _Shared
from app.modules.rates.memory import MOST_KEYS

NOBODY = "redis://127.0.0.1:1"
ALICE = CountedCaller.of(CallerKind.PRINCIPAL, "alice")


@pytest.fixture
def clock(monkeypatch):
    """Time that passes when it's told to."""

    class Clock:
        now = 1_000.0

        def monotonic(self) -> float:
            return self.now

        def time(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(rate_counter, "time", clock)
    return clock


async def test_what_failed_is_left_alone_then_asked_by_one_at_a_time(clock):
    shared = _Shared(NOBODY)
    assert [shared.may_be_asked() for _ in range(3)] == [True] * 3
    shared.failed(OSError())
    clock.now += 0.9
    assert not shared.may_be_asked()
    clock.now += 0.2
    assert [shared.may_be_asked() for _ in range(3)] == [True, False, False]
    shared.answered()
    assert [shared.may_be_asked() for _ in range(3)] == [True] * 3


async def test_an_outage_is_logged_once_a_minute_and_its_end_once(clock):
    shared = _Shared(NOBODY)
    with capture_logs() as log:
        for _ in range(119):
            shared.failed(OSError("redis://:hunter2@redis"))
            clock.now += 1
        shared.answered()
        shared.answered()
    events = [entry["event"] for entry in log]
    assert events == ["rate_limit_storage_unavailable"] * 2 + ["rate_limit_storage_available"]
    assert "hunter2" not in str(log)


async def test_no_flood_of_addresses_makes_a_principal_forgotten():
    counter = RateCounter([parse("1/day")], None)
    assert not (await counter.count(ALICE)).is_refused
    first = CountedCaller.of(CallerKind.ADDRESS, "0")
    for number in range(MOST_KEYS + 1):
        await counter.count(CountedCaller.of(CallerKind.ADDRESS, str(number)))
    assert (await counter.count(ALICE)).is_refused
    assert not (await counter.count(first)).is_refused
