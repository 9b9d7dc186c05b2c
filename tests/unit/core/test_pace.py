"""How slow a client may be: idle, on the average, and behind others."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from app.core import pace as module
from app.core.exceptions import TooSlow
from app.core.pace import BRISK_BYTES_PER_SECOND, Pace

PIECE = bytes(1000)


@pytest.fixture
def clock(monkeypatch):
    """Time that stands still until somebody waits."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])

    async def wait(seconds: float) -> None:
        now[0] += seconds

    return wait


async def drip(pace, clock, piece: bytes, *, every_seconds: float) -> None:
    for _ in range(31):
        await pace.wait_for(clock(every_seconds))
        pace.count(piece)


async def test_nothing_for_the_idle_time_out_is_too_slow():
    with pytest.raises(TooSlow):
        await Pace(0.05, 0).wait_for(asyncio.Event().wait())


async def test_a_client_at_the_least_speed_may_go_on_for_ever(clock):
    pace = Pace(30, 100)
    for _ in range(1000):
        await pace.wait_for(clock(10))
        pace.count(PIECE)


async def test_one_below_the_least_speed_is_too_slow_when_its_credit_is_used_up(clock):
    pace = Pace(30, 100)
    with pytest.raises(TooSlow):
        await drip(pace, clock, PIECE, every_seconds=11)


async def test_what_came_fast_is_no_excuse_for_ever(clock):
    """8 MiB at once would pay for hours of a byte a second."""
    pace = Pace(30, 1024)
    pace.count(bytes(8 << 20))
    with pytest.raises(TooSlow):
        await drip(pace, clock, b"x", every_seconds=1)


async def test_without_a_least_speed_only_silence_is_too_slow(clock):
    pace = Pace(30, 0)
    for _ in range(100):
        await pace.wait_for(clock(29))
        pace.count(b"x")


async def test_the_time_in_which_we_do_not_wait_counts_for_nothing(clock):
    pace = Pace(30, 1024)
    for _ in range(100):
        await clock(1000)
        await pace.wait_for(clock(0.5))
        pace.count(PIECE)


async def test_behind_is_who_makes_us_wait_for_longer_than_a_brisk_one_would():
    pace = Pace(30, 0)
    assert pace.behind_seconds == 0
    waiting = asyncio.create_task(pace.wait_for(asyncio.sleep(30)))
    await asyncio.sleep(0.05)
    assert pace.behind_seconds >= 0.04
    waiting.cancel()
    await asyncio.wait([waiting])
    assert pace.behind_seconds == 0


async def test_bytes_catch_up(clock):
    pace = Pace(30, 0)
    await pace.wait_for(clock(8))
    pace.count(bytes(6 * BRISK_BYTES_PER_SECOND))
    waiting = asyncio.create_task(pace.wait_for(asyncio.Event().wait()))
    await asyncio.sleep(0)
    assert pace.behind_seconds == pytest.approx(2)
    pace.give_up()
    with pytest.raises(TooSlow):
        await waiting


async def test_to_give_up_where_nobody_waits_does_nothing():
    pace = Pace(30, 0)
    pace.give_up()
    assert await pace.wait_for(asyncio.sleep(0, "came")) == "came"
    pace.give_up()


def taken(bytes_a_look: int):
    """What a client leaves of a large answer, less at each look."""
    left = iter(range(10_000_000, 0, -bytes_a_look)) if bytes_a_look else itertools.repeat(10_000_000)
    return lambda: next(left)


async def test_a_long_wait_goes_on_while_the_client_takes_what_it_was_given():
    """The kernel asks for more in lumps, which take a slow client longer than it may be silent."""
    pace = Pace(0.1, 1024, untaken_bytes=taken(1000))
    assert await pace.wait_for(asyncio.sleep(0.5, "came")) == "came"


async def test_a_long_wait_ends_where_the_client_takes_nothing():
    with pytest.raises(TooSlow):
        await Pace(0.1, 0, untaken_bytes=taken(0)).wait_for(asyncio.Event().wait())


async def test_a_long_wait_ends_where_the_client_takes_too_little(monkeypatch):
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.1)
    with pytest.raises(TooSlow):
        await asyncio.wait_for(Pace(0.1, 1024, untaken_bytes=taken(1)).wait_for(asyncio.Event().wait()), 10)


async def test_a_wait_that_is_called_back_ends_however_much_is_taken():
    pace = Pace(0.2, 0, untaken_bytes=taken(1000))
    waiting = asyncio.create_task(pace.wait_for(asyncio.Event().wait()))
    await asyncio.sleep(0.15)
    pace.give_up()
    with pytest.raises(TooSlow):
        await asyncio.wait_for(waiting, 10)
