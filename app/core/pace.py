"""How slow a client may be, whichever way the bytes go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sized
from typing import TypeVar

from app.core.exceptions import TooSlow

GRACE_SECONDS = 20.0
# Who is slower than this falls behind, which matters only while others wait for what he holds.
BRISK_BYTES_PER_SECOND = 65_536
T = TypeVar("T")


class Pace:
    """Counts only the time spent waiting for the client: a slow store is not its fault.

    A client has 20 s of credit, or the idle time-out if that is longer. Waiting for it uses credit up, and each byte
    earns what it may take at the least speed, up to that much again: what came fast once is no excuse for ever.

    Args:
        idle_timeout_seconds: the longest wait for the next bytes.
        min_bytes_per_second: the least speed; 0 is none.
    """

    def __init__(self, idle_timeout_seconds: float, min_bytes_per_second: int) -> None:
        self._idle_timeout_seconds = idle_timeout_seconds
        self._min_bytes_per_second = min_bytes_per_second
        self._most_credit_seconds = max(GRACE_SECONDS, idle_timeout_seconds)
        self._credit_seconds = self._most_credit_seconds
        self._behind_seconds = 0.0
        self._waiting_since: float | None = None
        self._timeout: asyncio.Timeout | None = None

    async def wait_for(self, coming: Awaitable[T]) -> T:
        """What comes, which is then to be counted.

        Raises:
            TooSlow: nothing came in time, or `give_up` was called.
        """
        self._waiting_since = started = time.monotonic()
        try:
            async with asyncio.timeout(self._idle_timeout_seconds) as self._timeout:
                return await coming
        except TimeoutError as error:
            raise TooSlow(headers={"Connection": "close"}) from error
        finally:
            self._waiting_since = self._timeout = None
            waited = time.monotonic() - started
            self._credit_seconds -= waited
            self._behind_seconds += waited

    def count(self, passed: Sized) -> None:
        """Add bytes that passed.

        Raises:
            TooSlow: they are too few by now.
        """
        self._behind_seconds = max(0.0, self._behind_seconds - len(passed) / BRISK_BYTES_PER_SECOND)
        if not self._min_bytes_per_second:
            return
        earned = len(passed) / self._min_bytes_per_second
        self._credit_seconds = min(self._most_credit_seconds, self._credit_seconds + earned)
        if self._credit_seconds < 0:
            raise TooSlow(headers={"Connection": "close"})

    @property
    def behind_seconds(self) -> float:
        """How much longer we have waited than for a client of 64 KiB a second; 0 where nobody waits now."""
        if self._waiting_since is None:
            return 0.0
        return self._behind_seconds + time.monotonic() - self._waiting_since

    def give_up(self) -> None:
        """Let the present wait end as if it had lasted too long."""
        if self._timeout is not None and not self._timeout.expired():
            self._timeout.reschedule(asyncio.get_running_loop().time())
