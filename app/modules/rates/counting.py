"""Counting in the windows of a limit, and how a caller stands then."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import cast

from limits import RateLimitItem
from limits.aio.storage.base import SlidingWindowCounterSupport
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from app.modules.rates.callers import CountedCaller


@dataclass(frozen=True)
class Standing:
    """How a caller stands after one more request or batch of ids, in the window that leaves least.

    Args:
        limit: requests, or ids, a window.
        remaining: how many of them are left.
        reset_seconds: when there is room for more than that; where it was refused, for what was asked for.
        is_refused: there was no room for this one.
    """

    limit: int
    remaining: int
    reset_seconds: int
    is_refused: bool


@dataclass(frozen=True)
class Counted:
    """What is to be counted.

    Args:
        caller: for whom.
        windows: the limits, at least one, shortest first.
        cost: how much; all of it or nothing.
        name: under which name.
    """

    caller: CountedCaller
    windows: Sequence[RateLimitItem]
    cost: int
    name: tuple[str, ...]

    async def by(self, strategy: SlidingWindowCounterRateLimiter) -> Standing:
        """Count it, window by window, as far as there is room."""
        standings = []
        for window in self.windows:
            has_room = await strategy.hit(window, *self.name, cost=self.cost)
            if not has_room and self.cost > 1:
                return Standing(window.amount, 0, await self._wait_seconds(strategy, window), is_refused=True)
            stats = await strategy.get_window_stats(window, *self.name)
            reset_seconds = max(1, ceil(stats.reset_time - time.time()))
            remaining = max(0, stats.remaining) if has_room else 0
            standing = Standing(window.amount, remaining, reset_seconds, not has_room)
            if standing.is_refused:
                return standing
            standings.append(standing)
        return min(standings, key=lambda standing: standing.remaining)

    async def _wait_seconds(self, strategy: SlidingWindowCounterRateLimiter, window: RateLimitItem) -> int:
        storage = cast("SlidingWindowCounterSupport", strategy.storage)
        length = window.get_expiry()
        previous, previous_left, current, current_left = await storage.get_sliding_window(
            window.key_for(*self.name), length
        )
        # What is counted in a window is kept until the next one is over, too.
        over = current_left - length if current else previous_left
        return max(1, ceil(seconds_until_room(window.amount - self.cost, previous, current, length, max(0.0, over))))


def seconds_until_room(room: int, previous: int, current: int, length: float, over: float) -> float:
    """When no more than `room` is counted any longer, if nothing is added.

    What was counted in the window before loses weight as the present one passes, and this one's in the next.

    Args:
        room: how much may be counted then.
        previous: what was counted in the window before.
        current: what was counted in this one.
        length: of a window, in seconds.
        over: in how many seconds this one is over.
    """
    if current <= room:
        return over - (room - current) * length / previous if previous else 0.0
    return over + length - room * length / current
