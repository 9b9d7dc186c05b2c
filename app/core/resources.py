"""What lives as long as the process and is shared by all requests."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog

T = TypeVar("T")
log = structlog.get_logger()


class Afterwork:
    """Work that must end although its request was cut off: undoing an upload, removing an object.

    The server may cancel a request at any await; what runs in here goes on, and a stopping
    process waits for it.
    """

    def __init__(self) -> None:
        self._open: set[asyncio.Future[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end whatever happens to the caller; a cancelled caller leaves it running."""
        return await asyncio.shield(self.start(work))

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run without being waited for by anybody but a process that stops."""
        task = asyncio.create_task(work)
        self._open.add(task)
        task.add_done_callback(self._done)
        return task

    @contextmanager
    def expected(self) -> Iterator[None]:
        """Announce that the block may end in `run`: a process that stops waits for the block too."""
        block: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._open.add(block)
        block.add_done_callback(self._done)
        try:
            yield
        finally:
            block.set_result(None)

    def _done(self, work: asyncio.Future[Any]) -> None:
        self._open.discard(work)
        if not work.cancelled() and (error := work.exception()):
            log.warning("afterwork_failed", error=type(error).__name__, detail=str(error))

    async def finish(self, timeout_seconds: float) -> None:
        """Wait for everything that still runs."""
        try:
            async with asyncio.timeout(timeout_seconds):
                while self._open:
                    await asyncio.wait(self._open)
        except TimeoutError:
            log.exception("afterwork_unfinished", count=len(self._open))
