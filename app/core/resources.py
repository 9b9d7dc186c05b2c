"""What lives as long as the process and is shared by all requests."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

T = TypeVar("T")
log = structlog.get_logger()


class Afterwork:
    """Work that must end although its request was cut off: undoing an upload, closing a stream.

    The server may cancel a request at any await; what runs in here goes on, and a stopping
    process waits for it.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end whatever happens to the caller; a cancelled caller leaves it running."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("afterwork_failed", exc_info=error)

    async def finish(self, timeout_seconds: float) -> None:
        """Wait for everything that still runs."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_seconds)
