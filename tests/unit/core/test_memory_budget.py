"""Memory that is lent out: never more than there is, whole or not at all, to those first who have least."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from app.core import memory_budget
from app.core.exceptions import TooSlow
from app.core.memory_budget import MemoryBudget
from app.core.pace import Pace

TOTAL = 100


@pytest.fixture
def budget():
    budget = MemoryBudget(TOTAL)
    yield budget
    assert budget.free_bytes == TOTAL


@pytest.fixture
def room(budget):
    """Make a room for a caller; all are closed at the end."""
    with ExitStack() as stack:
        yield lambda caller, pace=None: stack.enter_context(budget.room(caller, pace or Pace(30, 0)))


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def taking(room, size_bytes: int) -> asyncio.Task:
    return asyncio.create_task(room.take(size_bytes))


async def test_what_is_free_is_had_at_once_and_the_rest_is_waited_for(budget, room):
    first, second = room("a"), room("b")
    await first.take(60)
    waiting = taking(second, 50)
    await settle()
    assert not waiting.done()
    assert budget.free_bytes == 40
    first.give_back(10)
    await waiting
    assert (first.held_bytes, second.held_bytes, budget.free_bytes) == (50, 50, 0)


async def test_who_has_least_comes_first_then_who_came_first(room):
    greedy, other = room("a"), room("b")
    await greedy.take(50)
    await other.take(50)
    order = []

    async def take(name):
        await room(name).take(30)
        order.append(name)

    takers = [asyncio.create_task(take(name)) for name in ("a", "c", "d")]
    await settle()
    other.give_back(30)
    await settle()
    assert order == ["c"]
    other.give_back(20)
    greedy.give_back(10)
    await settle()
    assert order == ["c", "d"]
    greedy.give_back(40)
    await asyncio.wait_for(asyncio.gather(*takers), 5)
    assert order == ["c", "d", "a"]


async def test_small_ones_do_not_overtake_a_large_one_for_ever(room):
    holder = room("a")
    await holder.take(80)
    large, small = taking(room("b"), 50), taking(room("c"), 10)
    await settle()
    assert not small.done()
    holder.give_back(80)
    await asyncio.wait_for(asyncio.gather(large, small), 5)


async def test_more_than_there_is_means_all_there_is(budget, room):
    await asyncio.wait_for(room("a").take(TOTAL * 3), 5)
    assert budget.free_bytes == 0


async def test_who_stops_waiting_holds_nothing_and_stands_in_nobodys_way(budget, room):
    holder = room("a")
    await holder.take(90)
    impatient, patient = taking(room("b"), 50), taking(room("c"), 10)
    await settle()
    impatient.cancel()
    await asyncio.wait_for(patient, 5)
    with pytest.raises(asyncio.CancelledError):
        await impatient
    assert budget.free_bytes == 0


async def test_who_is_cancelled_while_it_is_served_holds_nothing_in_the_end(budget):
    with budget.room("a", Pace(30, 0)) as holder:
        await holder.take(TOTAL)
        with budget.room("b", Pace(30, 0)) as other:
            waiting = taking(other, 50)
            await settle()
            holder.give_back(TOTAL)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
    assert budget.free_bytes == TOTAL


@pytest.fixture
def hasty(monkeypatch):
    """Room is called back soon."""
    monkeypatch.setattr(memory_budget, "RECALL_SECONDS", 0.2)
    monkeypatch.setattr(memory_budget, "RECALL_INTERVAL_SECONDS", 0.05)


async def stalled(budget, caller, size_bytes, pace):
    """Hold room for a client that sends nothing."""
    with budget.room(caller, pace) as room:
        await room.take(size_bytes)
        with pytest.raises(TooSlow):
            await pace.wait_for(asyncio.Event().wait())


@pytest.mark.usefixtures("hasty")
async def test_room_of_stalled_clients_is_called_back_from_who_has_most(budget, room):
    many = [asyncio.create_task(stalled(budget, "mallory", 30, Pace(60, 0))) for _ in range(2)]
    one = asyncio.create_task(stalled(budget, "slow but alone", 30, Pace(60, 0)))
    await settle()
    await asyncio.wait_for(room("newcomer").take(20), 5)
    assert sum(task.done() for task in many) == 1
    assert not one.done()
    for task in (*many, one):
        task.cancel()
    await asyncio.wait([*many, one])


@pytest.mark.usefixtures("hasty")
async def test_nobody_loses_room_to_one_who_has_as_much(budget, room):
    """Else two callers would take it from one another without an end."""
    holders = [asyncio.create_task(stalled(budget, caller, 50, Pace(60, 0))) for caller in ("a", "b")]
    await settle()
    waiting = taking(room("c"), 50)
    done, _ = await asyncio.wait([waiting, *holders], timeout=0.6)
    assert not done
    holders[0].cancel()
    await asyncio.wait_for(waiting, 5)
    holders[1].cancel()
    await asyncio.wait(holders)


@pytest.mark.usefixtures("hasty")
async def test_room_that_nobody_waits_for_is_not_called_back(budget):
    holders = [asyncio.create_task(stalled(budget, "a", 50, Pace(60, 0))) for _ in range(2)]
    done, _ = await asyncio.wait(holders, timeout=0.6)
    assert not done
    for task in holders:
        task.cancel()
    await asyncio.wait(holders)


async def test_who_has_just_given_up_is_lent_nothing(budget, room):
    """Between a cancellation and the next step of its task, others give back: they must not stumble over it."""
    holder, gone, patient = room("a"), room("b"), room("c")
    await holder.take(TOTAL)
    leaving = taking(gone, 60)
    staying = taking(patient, 50)
    await settle()
    leaving.cancel()
    holder.give_back(TOTAL)
    await settle()
    assert leaving.cancelled()
    assert (gone.held_bytes, patient.held_bytes, budget.free_bytes) == (0, 50, 50)
    await staying
