"""A streamed answer gives back what it holds, whichever way it ends."""

from __future__ import annotations

import asyncio

import pytest

from app.core.slots import Slots
from app.core.streaming import ClosingStream


class Body:
    """Chunks that a thread reads; the first takes until it's told to end."""

    def __init__(self) -> None:
        self.slots = Slots(1, queue=1, wait_seconds=1)
        self.is_reading = asyncio.Event()
        self.loop = asyncio.get_running_loop()
        self.gate = asyncio.Event()
        self.is_closed = asyncio.Event()
        self.closed = 0
        self.was_read_when_closed = False

    def _read(self) -> bytes:
        self.loop.call_soon_threadsafe(self.is_reading.set)
        asyncio.run_coroutine_threadsafe(self.gate.wait(), self.loop).result(20)
        self.was_read_when_closed = not self.closed
        return b"chunk"

    async def chunks(self):
        yield await self.slots.run(self._read)

    def close(self) -> None:
        self.closed += 1
        self.is_closed.set()


async def never() -> dict:
    await asyncio.Event().wait()
    return {}


async def nothing(_message) -> None:
    return


@pytest.mark.parametrize("cancellations", [0, 1, 3])
async def test_it_is_closed_once_and_never_while_a_thread_reads(cancellations):
    """A host application's middleware may cancel again and again until we end."""
    body = Body()
    answer = ClosingStream(body.chunks(), body.close, status_code=200, headers={})
    answering = asyncio.create_task(answer({"type": "http"}, never, nothing))
    await body.is_reading.wait()
    for _ in range(cancellations):
        answering.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
    body.gate.set()
    await asyncio.wait([answering])
    await asyncio.wait_for(body.is_closed.wait(), 10)
    assert body.was_read_when_closed
    assert body.closed == 1
    await body.slots.close(5)
