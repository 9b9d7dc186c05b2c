"""Memory that is lent out by the byte: whoever finds too little waits, and the one who has least comes first."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.core.pace import Pace

# Room is called back from clients who are so far behind, as `Pace` counts it.
RECALL_SECONDS = 5.0
RECALL_INTERVAL_SECONDS = 1.0


@dataclass(eq=False)
class _Waiter:
    """A room that needs more than is free."""

    room: Room
    size_bytes: int
    granted: asyncio.Future[None]


class MemoryBudget:
    """A fixed number of bytes for all callers of this process.

    Of those who wait, the caller who holds the fewest bytes is served first, then the one who came first. Nobody
    gets a part of what he asks for: two who each hold a half would wait for each other. While somebody waits, room
    is called back from clients that fall behind, if their caller holds more than the waiting one would.

    Args:
        total_bytes: how many there are.
    """

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self.free_bytes = total_bytes
        self._held: Counter[Hashable] = Counter()
        self._rooms: set[Room] = set()
        self._waiting: list[_Waiter] = []
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def room(self, caller: Hashable, pace: Pace) -> Iterator[Room]:
        """Room for one transfer, empty at first; all of it is free again when the block ends.

        Args:
            caller: whose transfer it is.
            pace: the client's; `pace.give_up()` ends the transfer when its room is called back.
        """
        room = Room(self, caller, pace)
        self._rooms.add(room)
        try:
            yield room
        finally:
            self._rooms.remove(room)
            room.give_back(room.held_bytes)

    async def take(self, room: Room, size_bytes: int) -> None:
        """Lend bytes to a room, as soon as they are free; more than there are at all means all there are."""
        waiter = _Waiter(room, min(size_bytes, self.total_bytes), asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self._serve()
        try:
            await waiter.granted
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
                self._serve()
            raise

    def return_from(self, room: Room, size_bytes: int) -> None:
        """Take bytes back from a room."""
        room.held_bytes -= size_bytes
        self.free_bytes += size_bytes
        self._held[room.caller] -= size_bytes
        if not self._held[room.caller]:
            del self._held[room.caller]
        self._serve()

    def _serve(self) -> None:
        # One whose request was cancelled or timed out stands here until its task runs again; it takes nothing more.
        self._waiting = [waiter for waiter in self._waiting if not waiter.granted.done()]
        while self._waiting:
            first = min(self._waiting, key=self._held_by)
            if first.size_bytes > self.free_bytes:
                # Whoever needs less must not overtake, or large ones would wait for ever.
                break
            self._waiting.remove(first)
            self.free_bytes -= first.size_bytes
            self._held[first.room.caller] += first.size_bytes
            first.room.held_bytes += first.size_bytes
            first.granted.set_result(None)
        if self._waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(RECALL_INTERVAL_SECONDS, self._recall)

    def _held_by(self, waiter: _Waiter) -> int:
        return self._held[waiter.room.caller]

    def _recall(self) -> None:
        """End transfers of clients that fall behind, one for each that waits."""
        self._timer = None
        behind = [room for room in self._rooms if room.held_bytes and room.pace.behind_seconds >= RECALL_SECONDS]
        behind.sort(key=lambda room: room.pace.behind_seconds, reverse=True)
        left = self._held.copy()
        for waiter in sorted(self._waiting, key=self._held_by):
            enough = left[waiter.room.caller] + waiter.size_bytes
            victim = next((room for room in behind if left[room.caller] > enough), None)
            if victim is None:
                continue
            behind.remove(victim)
            left[victim.caller] -= victim.held_bytes
            victim.pace.give_up()
        self._serve()


class Room:
    """What one transfer holds of a budget.

    Args:
        budget: lends it.
        caller: whose transfer it is.
        pace: the client's.
    """

    def __init__(self, budget: MemoryBudget, caller: Hashable, pace: Pace) -> None:
        self._budget = budget
        self.caller = caller
        self.pace = pace
        self.held_bytes = 0

    async def take(self, size_bytes: int) -> None:
        """Wait until so many more bytes are free, and hold them."""
        await self._budget.take(self, size_bytes)

    def give_back(self, size_bytes: int) -> None:
        """Let others have so many of the bytes that are held; never more than are held."""
        if given := min(size_bytes, self.held_bytes):
            self._budget.return_from(self, given)
