"""How many uploads of one caller pass this process at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from app.core.exceptions import TooMany
from app.modules.rates.callers import CountedCaller

COME_BACK_SECONDS = 1


class TooManyUploads(TooMany):
    """All the uploads that this caller may send at once are under way."""

    code = "too_many_uploads"


class UploadSlots:
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
            TooManyUploads: none is free.
        """
        if self._taken[caller] >= self._most:
            detail = f"You are sending {self._most} files already; send this one when one of them has arrived."
            raise TooManyUploads(detail, retry_after_seconds=COME_BACK_SECONDS)
        self._taken[caller] += 1
        try:
            yield
        finally:
            self._taken[caller] -= 1
            if not self._taken[caller]:
                del self._taken[caller]
