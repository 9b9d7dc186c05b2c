"""One budget of time for all that a stopping process still does."""

from __future__ import annotations

import time


class Deadline:
    """Counts down from the first call of `begin`; before that all of the time is left.

    Args:
        seconds: how long it lasts.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._over_at: float | None = None

    def begin(self) -> None:
        """Let the time run, unless it runs already."""
        if self._over_at is None:
            self._over_at = time.monotonic() + self._seconds

    def left_seconds(self, *, reserve: float = 0.0) -> float:
        """What is left of it, never less than 0.

        Args:
            reserve: the share of the whole time, between 0 and 1, that is kept for what comes afterwards.
        """
        over_at = time.monotonic() + self._seconds if self._over_at is None else self._over_at
        return max(0.0, over_at - self._seconds * reserve - time.monotonic())
