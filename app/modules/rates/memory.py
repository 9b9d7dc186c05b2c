"""Counts of requests in this process's memory, never more than so many of them."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from math import floor

from limits.aio.storage import Storage
from limits.aio.storage.base import SlidingWindowCounterSupport

MOST_KEYS = 50_000


@dataclass(slots=True)
class _Count:
    """Requests of one key in the present window and in the one before."""

    window: int
    ends_at: float
    current: int = 0
    previous: int = 0


class BoundedMemory(Storage, SlidingWindowCounterSupport):
    """A storage of the library's sliding window.

    The library's own one goes over all its keys at every request, and keeps as many as there are
    addresses. Here the keys that were silent for longest are forgotten when there are too many.

    Args:
        most_keys: how many are remembered.
    """

    STORAGE_SCHEME = None

    def __init__(self, most_keys: int = MOST_KEYS) -> None:
        super().__init__()
        self._most_keys = most_keys
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counts)

    async def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` requests if they fit; nothing is awaited in between."""
        now = time.time()
        count = self._count(key, expiry, now)
        weighted = count.previous * self._left_seconds(expiry, now) / expiry + count.current
        if floor(weighted) + amount > limit:
            return False
        count.current += amount
        return True

    async def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """What was counted in the window before, for how many seconds it still matters, and the same for this one."""
        now = time.time()
        count = self._count(key, expiry, now)
        left = self._left_seconds(expiry, now)
        return count.previous, left if count.previous else 0.0, count.current, left + expiry

    def _count(self, key: str, expiry: int, now: float) -> _Count:
        window = int(now // expiry)
        count = self._counts.get(key)
        if count is None:
            count = self._counts[key] = _Count(window, 0.0)
        elif count.window != window:
            count.previous = count.current if count.window == window - 1 else 0
            count.current, count.window = 0, window
        count.ends_at = (window + 2) * expiry
        self._counts.move_to_end(key)
        self._forget(now)
        return count

    def _forget(self, now: float) -> None:
        """Let go of up to two that are over or too many: more than can come in."""
        for _ in range(2):
            oldest = next(iter(self._counts))
            if len(self._counts) <= self._most_keys and self._counts[oldest].ends_at > now:
                return
            del self._counts[oldest]

    @staticmethod
    def _left_seconds(expiry: int, now: float) -> float:
        return expiry - now % expiry

    @property
    def base_exceptions(self) -> type[Exception]:
        """Memory fails in no way of its own."""
        return ValueError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Of the fixed window, which is not used."""
        raise NotImplementedError

    async def get(self, key: str) -> int:
        """As above."""
        raise NotImplementedError

    async def get_expiry(self, key: str) -> float:
        """As above."""
        raise NotImplementedError

    async def check(self) -> bool:
        """It is always there."""
        return True

    async def reset(self) -> int | None:
        """Forget everything."""
        forgotten = len(self._counts)
        self._counts.clear()
        return forgotten

    async def clear(self, key: str) -> None:
        """Forget one key."""
        self._counts.pop(key, None)

    async def clear_sliding_window(self, key: str, expiry: int) -> None:  # noqa: ARG002 -- keys are of one window each
        """As above."""
        await self.clear(key)
