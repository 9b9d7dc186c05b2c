"""The threads for blocking calls: as many as slots, a short queue, an event loop that stays alive."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from app.core.slots import Slots, StorageBusy

SIZE, QUEUE = 3, 2


@pytest.fixture
def gate():
    """Calls of `gate.wait` block until it is set."""
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
async def slots(gate):
    slots = Slots(SIZE, queue=QUEUE, wait_seconds=30)
    yield slots
    gate.set()
    await slots.close(5)


async def settle() -> None:
    """Let every task that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_call_gives_its_result_or_its_error(slots):
    assert await slots.run(lambda word, *, times: word * times, "a", times=3) == "aaa"
    with pytest.raises(ZeroDivisionError):
        await slots.run(lambda: 1 / 0)


async def test_no_more_calls_run_at_once_than_there_are_slots(slots, gate):
    """Case 26: the store's connection pool is as large."""
    running = most = 0
    lock = threading.Lock()

    def call():
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        gate.wait(10)
        with lock:
            running -= 1

    calls = [asyncio.create_task(slots.run(call)) for _ in range(SIZE + QUEUE)]
    await settle()
    gate.set()
    await asyncio.gather(*calls)
    assert most <= SIZE


async def test_the_first_that_finds_the_queue_full_is_refused_at_once(slots, gate):
    """Case 25."""
    calls = [asyncio.create_task(slots.run(gate.wait, 10)) for _ in range(SIZE + QUEUE)]
    await settle()
    started = time.monotonic()
    with pytest.raises(StorageBusy) as refused:
        await slots.run(gate.wait, 10)
    assert time.monotonic() - started < 0.5
    assert refused.value.retry_after_seconds
    gate.set()
    assert await asyncio.gather(*calls) == [True] * (SIZE + QUEUE)
    assert await slots.run(lambda: "free again") == "free again"


async def test_nobody_waits_for_a_slot_for_ever(gate):
    slots = Slots(1, queue=5, wait_seconds=0.05)
    holder = asyncio.create_task(slots.run(gate.wait, 10))
    await settle()
    with pytest.raises(StorageBusy):
        await slots.run(lambda: None)
    gate.set()
    await holder
    assert await slots.run(lambda: 1) == 1
    await slots.close(5)


async def test_sixty_stalled_calls_leave_loop_and_other_threads_alone(gate):
    """Cases 24 and 25: the default pool of threads belongs to everybody else."""
    slots = Slots(60, queue=0, wait_seconds=1)
    calls = [asyncio.create_task(slots.run(gate.wait, 10)) for _ in range(60)]
    await settle()
    started = time.monotonic()
    assert await asyncio.to_thread(lambda: "answered") == "answered"
    assert time.monotonic() - started < 1
    assert not any(call.done() for call in calls)
    gate.set()
    await asyncio.gather(*calls)
    await slots.close(5)


async def test_a_cancelled_caller_stays_until_its_thread_is_done(slots, gate):
    """Case 34: who cleans up has to know that nothing is written any more."""
    entered, ended = threading.Event(), threading.Event()

    def call():
        entered.set()
        gate.wait(10)
        ended.set()

    caller = asyncio.create_task(slots.run(call))
    await asyncio.to_thread(entered.wait, 10)
    caller.cancel()
    await settle()
    assert not caller.done()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended.is_set()


async def test_a_caller_cancelled_in_the_queue_leaves_its_place(slots, gate):
    holders = [asyncio.create_task(slots.run(gate.wait, 10)) for _ in range(SIZE)]
    await settle()
    for _ in range(20):
        waiting = [asyncio.create_task(slots.run(gate.wait, 10)) for _ in range(QUEUE)]
        await settle()
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting)
    gate.set()
    await asyncio.gather(*holders)
    assert await asyncio.gather(*(slots.run(lambda: 1) for _ in range(SIZE))) == [1] * SIZE


async def test_an_error_after_the_caller_left_is_not_reported_as_lost(slots, gate):
    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))

    def call():
        gate.wait(10)
        raise ValueError("nobody listens")

    caller = asyncio.create_task(slots.run(call))
    await settle()
    caller.cancel()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await settle()
    asyncio.get_running_loop().set_exception_handler(None)
    assert reported == []


async def test_what_was_begun_is_never_refused_however_long_it_has_to_wait(gate):
    """A part of a large file that finds no slot in time must not throw the whole upload away."""
    slots = Slots(1, queue=0, wait_seconds=0.01)
    holder = asyncio.create_task(slots.run(gate.wait, 10))
    await settle()
    step = asyncio.create_task(slots.go_on(lambda: "done"))
    with pytest.raises(StorageBusy):
        await slots.run(lambda: None)
    assert not step.done()
    gate.set()
    await holder
    assert await step == "done"
    await slots.close(5)
