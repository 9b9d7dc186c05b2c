"""How many things of one kind a caller may have under way in this process at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from app.core.exceptions import TooMany
from app.modules.rates.callers import CountedCaller

COME_BACK_SECONDS = 1


class CallerSlots(ABC):
    """Kept in memory alone: what a killed process held is free by itself.

    Args:
        most: how many one caller gets.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[CountedCaller] = Counter()

    @contextmanager
    def one_of(self, caller: CountedCaller) -> Iterator[None]:
        """A slot for as long as the block lasts, however it ends.

        Raises:
            TooMany: none is free.
        """
        if self._taken[caller] >= self._most:
            raise self._refusal()
        self._taken[caller] += 1
        try:
            yield
        finally:
            self._taken[caller] -= 1
            if not self._taken[caller]:
                del self._taken[caller]

    @abstractmethod
    def _refusal(self) -> TooMany:
        """What a caller is told for whom none is free."""
