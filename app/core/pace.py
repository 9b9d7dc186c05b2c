"""How slow a client may be, whichever way the bytes go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sized
from typing import TypeVar

from app.core.exceptions import TooSlow

GRACE_SECONDS = 20.0
# Who is slower than this falls behind, which matters only while others wait for what he holds.
BRISK_BYTES_PER_SECOND = 65_536
# How often, in an idle time-out, it is asked whether the client takes what was handed over.
LOOKS = 4
T = TypeVar("T")


class Pace:
    """Counts only the time spent waiting for the client: a slow store is not its fault.

    A client has 20 s of credit, or the idle time-out if that is longer. Waiting for it uses credit up, and each byte
    earns what it may take at the least speed, up to that much again: what came fast once is no excuse for ever.

    Args:
        idle_timeout_seconds: the longest wait for the next bytes.
        min_bytes_per_second: the least speed; 0 is none.
        untaken_bytes: tells how much of what was handed over the client has not taken, where that is known. A wait
            then goes on as long as this shrinks at the least speed: what is waited for comes in lumps, which take
            a slow client longer than the idle time-out.
    """

    def __init__(
        self,
        idle_timeout_seconds: float,
        min_bytes_per_second: int,
        *,
        untaken_bytes: Callable[[], int] | None = None,
    ) -> None:
        self._idle_timeout_seconds = idle_timeout_seconds
        self._min_bytes_per_second = min_bytes_per_second
        self._most_credit_seconds = max(GRACE_SECONDS, idle_timeout_seconds)
        self._credit_seconds = self._most_credit_seconds
        self._behind_seconds = 0.0
        self._waiting_since: float | None = None
        self._timeout: asyncio.Timeout | None = None
        self._untaken_bytes = untaken_bytes
        self._next_look: asyncio.TimerHandle | None = None

    async def wait_for(self, coming: Awaitable[T]) -> T:
        """What comes, which is then to be counted.

        Raises:
            TooSlow: nothing came in time, or `give_up` was called.
        """
        self._waiting_since = started = time.monotonic()
        try:
            async with asyncio.timeout(self._idle_timeout_seconds) as self._timeout:
                self._look_later(started, None, 0)
                return await coming
        except TimeoutError as error:
            raise TooSlow(headers={"Connection": "close"}) from error
        finally:
            self._look_no_more()
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
        self._look_no_more()
        if self._timeout is not None and not self._timeout.expired():
            self._timeout.reschedule(asyncio.get_running_loop().time())

    def _look_later(self, started: float, untaken_bytes: int | None, taken_bytes: int) -> None:
        if self._untaken_bytes is not None:
            self._next_look = asyncio.get_running_loop().call_later(
                self._idle_timeout_seconds / LOOKS, self._look, started, untaken_bytes, taken_bytes
            )

    def _look(self, started: float, before_bytes: int | None, taken_bytes: int) -> None:
        """Let the present wait go on if the client has taken enough since it began."""
        if self._untaken_bytes is None or self._timeout is None or self._timeout.expired():
            return
        untaken_bytes = self._untaken_bytes()
        if before_bytes is not None and untaken_bytes < before_bytes:
            taken_bytes += before_bytes - untaken_bytes
            if self._has_credit(time.monotonic() - started, taken_bytes):
                self._timeout.reschedule(asyncio.get_running_loop().time() + self._idle_timeout_seconds)
        self._look_later(started, untaken_bytes, taken_bytes)

    def _has_credit(self, waited_seconds: float, taken_bytes: int) -> bool:
        if not self._min_bytes_per_second:
            return True
        return self._credit_seconds - waited_seconds + taken_bytes / self._min_bytes_per_second >= 0

    def _look_no_more(self) -> None:
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None
