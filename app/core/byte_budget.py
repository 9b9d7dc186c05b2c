"""Counts bytes that are held in memory, so that all holders together and each of them stay below a limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from app.core.exceptions import TooMany, Unavailable

COME_BACK_SECONDS = 1


class ServerBusy(Unavailable):
    """The memory that is set aside for this is in use."""

    code = "server_busy"
    detail = "The service is taking as much as it can hold; send this again in a moment."


class ShareUsedUp(TooMany):
    """One holder has as much as one may have."""

    detail = "You are sending as much at once as one caller may; send this again when an earlier request has ended."


class ByteBudget:
    """A limit on bytes that are held at once in this process.

    Args:
        most_bytes: of all holders together.
        most_bytes_each: of one holder.
    """

    def __init__(self, most_bytes: int, most_bytes_each: int) -> None:
        self._most_bytes = most_bytes
        self._most_bytes_each = most_bytes_each
        self._held_bytes = 0
        self._held_by: Counter[Hashable] = Counter()

    @property
    def held_bytes(self) -> int:
        """What all holders have now."""
        return self._held_bytes

    @contextmanager
    def hold(self, *holders: Hashable) -> Iterator[Held]:
        """Begin with nothing; whatever is taken within the block is given back at its end.

        Args:
            holders: everybody whose share counts it, such as a subject and its address.
        """
        held = Held(self, frozenset(holders))
        try:
            yield held
        finally:
            self._add(held.holders, -held.size_bytes)

    def take(self, holders: frozenset[Hashable], size_bytes: int) -> None:
        """Take more. Callers use `Held.grow`.

        Raises:
            ServerBusy: all holders together would have too much.
            ShareUsedUp: one of these would.
        """
        if any(self._held_by[holder] + size_bytes > self._most_bytes_each for holder in holders):
            raise ShareUsedUp(retry_after_seconds=COME_BACK_SECONDS, headers={"Connection": "close"})
        if self._held_bytes + size_bytes > self._most_bytes:
            raise ServerBusy(retry_after_seconds=COME_BACK_SECONDS)
        self._add(holders, size_bytes)

    def _add(self, holders: frozenset[Hashable], size_bytes: int) -> None:
        self._held_bytes += size_bytes
        for holder in holders:
            self._held_by[holder] += size_bytes
            if not self._held_by[holder]:
                del self._held_by[holder]


class Held:
    """What one request holds.

    Args:
        budget: what it's taken from.
        holders: whose shares count it.
    """

    def __init__(self, budget: ByteBudget, holders: frozenset[Hashable]) -> None:
        self._budget = budget
        self.holders = holders
        self.size_bytes = 0

    def grow(self, size_bytes: int) -> None:
        """Hold so many bytes more.

        Raises:
            ServerBusy, ShareUsedUp: there is no room for them; what was held before stays held.
        """
        self._budget.take(self.holders, size_bytes)
        self.size_bytes += size_bytes
