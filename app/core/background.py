"""Runs the work that no request asks for, for as long as the process lives."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog

from app.core.clock import utc_now
from app.core.exceptions import HoldfastError

log = structlog.get_logger()
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 300.0
# A loop is stale when it has not succeeded for so many of its intervals.
STALE_AFTER_INTERVALS = 3
# Below that a slow answer of the database would already look like a loop that stands still.
SHORTEST_STALE_SECONDS = 5.0
END_SECONDS = 1.0


class LoopStatus(StrEnum):
    """How a loop stands."""

    OK = "ok"
    FAILING = "failing"
    STALE = "stale"


@dataclass(frozen=True)
class LoopReport:
    """How one loop stands now.

    Args:
        status: `failing` while its last step failed, `stale` once no step has succeeded for three intervals.
        last_success_at: when a step succeeded last; None where none has since the start.
        failures: steps that failed since the process started.
        cause: why the last step failed; None when it succeeded.
    """

    name: str
    status: LoopStatus
    last_success_at: datetime | None
    failures: int
    cause: str | None


class BackgroundLoop:
    """Repeats one step until the process ends, also after a step that failed.

    Args:
        name: what the log and readiness call it.
        step: does the work once.
        interval_seconds: how often a step has to succeed.
        rest_seconds: the pause behind a step that succeeded; `interval_seconds` unless it's given. A step that
            waits by itself has 0.
        longest_pause_seconds: the limit of the pauses behind steps that failed, which grow from half a second.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[object]],
        *,
        interval_seconds: float,
        rest_seconds: float | None = None,
        longest_pause_seconds: float = LONGEST_PAUSE_SECONDS,
    ) -> None:
        self.name = name
        self._step = step
        self._interval_seconds = interval_seconds
        self._rest_seconds = interval_seconds if rest_seconds is None else rest_seconds
        self._longest_pause_seconds = longest_pause_seconds
        self._fresh_since = time.monotonic()
        self._last_success_at: datetime | None = None
        self._failures = 0
        self._failures_in_a_row = 0
        self._cause: str | None = None

    async def run_forever(self) -> None:
        """Take steps until this task is cancelled."""
        self._fresh_since = time.monotonic()
        while True:
            rest_seconds = await self.take_step()
            await asyncio.sleep(rest_seconds)

    async def take_step(self) -> float:
        """Take one step; returns how many seconds to wait for the next one."""
        try:
            await self._step()
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Something inside was cancelled, not this loop.
            return self._pause_after(error)
        except Exception as error:  # noqa: BLE001 -- a loop that ends is worse than any error
            return self._pause_after(error)
        self._succeeded()
        return self._rest_seconds

    def _succeeded(self) -> None:
        if self._cause is not None:
            log.info("background_loop_recovered", loop=self.name, failures=self._failures_in_a_row)
        self._fresh_since = time.monotonic()
        self._last_success_at = utc_now()
        self._failures_in_a_row, self._cause = 0, None

    def _pause_after(self, error: BaseException) -> float:
        """Note the failure, say it once for each cause, and return how long to wait: longer each time."""
        cause = _cause_of(error)
        if cause != self._cause:
            is_expected = isinstance(error, HoldfastError)
            report = log.warning if is_expected else log.error
            report("background_loop_failed", loop=self.name, cause=cause, exc_info=None if is_expected else error)
        self._cause = cause
        self._failures += 1
        longest = min(FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures_in_a_row, 16), self._longest_pause_seconds)
        self._failures_in_a_row += 1
        # Not all at once: what failed together would come again together.
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 -- no secret

    def report(self) -> LoopReport:
        """Describe the present state."""
        allowed = max(STALE_AFTER_INTERVALS * self._interval_seconds, SHORTEST_STALE_SECONDS)
        status = LoopStatus.OK if self._cause is None else LoopStatus.FAILING
        if time.monotonic() - self._fresh_since > allowed:
            status = LoopStatus.STALE
        return LoopReport(self.name, status, self._last_success_at, self._failures, self._cause)


def _cause_of(error: BaseException) -> str:
    if isinstance(error, HoldfastError):
        cause: str | None = getattr(error, "cause", None)
        return f"{type(error).code} ({cause})" if cause else type(error).code
    return type(error).__name__


@asynccontextmanager
async def running(loops: Sequence[BackgroundLoop]) -> AsyncIterator[None]:
    """Run these beside the block, and end them with it."""
    tasks = [asyncio.create_task(loop.run_forever(), name=loop.name) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            # What they hold is given back, such as the lease of a job; a store that hangs isn't waited for.
            await asyncio.wait(tasks, timeout=END_SECONDS)
