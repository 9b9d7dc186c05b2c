"""Threads for calls that block: as many as slots, a short queue before them, and no thread left behind unseen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

import structlog

from app.core.exceptions import Unavailable

P = ParamSpec("P")
R = TypeVar("R")
log = structlog.get_logger()


class StorageBusy(Unavailable):
    """All slots to the store are taken and enough callers wait already."""

    code = "storage_busy"
    detail = "Too many transfers are under way; try again in a moment."


class Slots:
    """A bounded thread pool that refuses fast.

    Args:
        size: how many calls run at once.
        queue: how many more may wait; the next one is refused.
        wait_seconds: how long one waits before it's refused.
    """

    def __init__(self, size: int, *, queue: int, wait_seconds: float) -> None:
        self._free = asyncio.Semaphore(size)
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="s3")
        self._queue = queue
        self._wait_seconds = wait_seconds
        self._waiting = 0
        self._running: set[asyncio.Future[Any]] = set()

    async def run(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run one blocking call in a thread.

        A cancelled caller stays until the thread is done: what it was doing to the store
        must be known before anybody cleans up after it.

        Raises:
            StorageBusy: no slot came free in time.
        """
        await self._acquire()
        return await self._in_thread(call, *args, **kwargs)

    async def go_on(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The same for a step of something that was begun: it waits as long as it takes.

        Refusing here would throw away what was transferred already. There are never more of
        these than transfers under way, which were let in one by one.
        """
        await self._free.acquire()
        return await self._in_thread(call, *args, **kwargs)

    async def _in_thread(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        future = asyncio.get_running_loop().run_in_executor(self._threads, partial(call, *args, **kwargs))
        self._running.add(future)
        future.add_done_callback(self._release)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if not future.cancelled():
                await asyncio.wait([future])
            raise

    async def _acquire(self) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        if self._waiting >= self._queue:
            raise StorageBusy(retry_after_seconds=1)
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._free.acquire()
        except TimeoutError as error:
            raise StorageBusy(retry_after_seconds=1) from error
        finally:
            self._waiting -= 1

    def _release(self, future: asyncio.Future[R]) -> None:
        self._free.release()
        self._running.discard(future)
        if not future.cancelled():
            # The caller may be gone; an exception nobody fetched would be reported as lost.
            future.exception()

    async def close(self, timeout_seconds: float) -> None:
        """Take no new calls and let running ones end, for a while: a store that hangs must not hold the process."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        try:
            async with asyncio.timeout(timeout_seconds):
                while self._running:
                    await asyncio.wait(self._running)
        except TimeoutError:
            log.warning("calls_left_running", count=len(self._running))
