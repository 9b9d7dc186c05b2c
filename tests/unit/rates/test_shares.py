"""A caller's places: so many and no more, each given back however its transfer ended."""

from __future__ import annotations

import asyncio

import pytest

from app.modules.rates.callers import CallerKind, CountedCaller
from app.modules.rates.shares import Shares, TooManyDownloads

ALICE, BOB = (CountedCaller.of(CallerKind.PRINCIPAL, name) for name in ("alice", "bob"))


def shares(most: int = 2, wait_seconds: float = 0.0) -> Shares:
    return Shares(most, wait_seconds=wait_seconds, refusal=TooManyDownloads, doing="reading")


async def test_one_too_many_is_refused_and_others_are_not():
    places = shares()
    async with places.one_of(ALICE), places.one_of(ALICE):
        with pytest.raises(TooManyDownloads):
            await places.one_of(ALICE).__aenter__()
        async with places.one_of(BOB):
            assert places.callers == 2
    assert places.callers == 0


async def test_one_who_may_wait_gets_the_place_that_comes_free():
    places = shares(most=1, wait_seconds=30)
    first = places.one_of(ALICE)
    await first.__aenter__()
    order = []

    async def take(number: int) -> None:
        async with places.one_of(ALICE):
            order.append(number)

    waiting = [asyncio.create_task(take(number)) for number in range(3)]
    await asyncio.sleep(0.02)
    assert order == []
    await first.__aexit__(None, None, None)
    await asyncio.gather(*waiting)
    assert order == [0, 1, 2]
    assert places.callers == 0


async def test_one_who_waits_in_vain_is_refused_and_forgotten():
    places = shares(most=1, wait_seconds=0.05)
    async with places.one_of(ALICE):
        with pytest.raises(TooManyDownloads):
            await places.one_of(ALICE).__aenter__()
    assert places.callers == 0


async def test_a_place_is_given_back_by_who_fails():
    places = shares(most=1)
    for _ in range(3):
        with pytest.raises(KeyError):
            async with places.one_of(ALICE):
                raise KeyError
    assert places.callers == 0
