"""Who may send and read bytes now: a share of places for each caller, and a budget of memory for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.config import Settings
from app.core.memory_budget import MemoryBudget, Room
from app.core.pace import Pace
from app.core.slots import StorageBusy
from app.modules.rates.callers import CountedCaller
from app.modules.rates.shares import DOWNLOAD_WAIT_SECONDS, Shares, TooManyDownloads, TooManyUploads

# What one reader holds: 256 KiB that were read from the store, a slice of them, and the server's own buffer.
READER_BYTES = 524_288
READER_CHUNK_BYTES = 262_144
MEMORY_WAIT_SECONDS = 10.0


@dataclass(frozen=True)
class Direction:
    """Transfers of one direction.

    Args:
        shares: how many each caller has.
        memory: what all of them hold.
    """

    shares: Shares
    memory: MemoryBudget

    @asynccontextmanager
    async def place(self, caller: CountedCaller, pace: Pace) -> AsyncIterator[Room]:
        """A place of the caller's, and room for its bytes, for as long as the block lasts.

        Raises:
            TooMany: the caller has no place left.
        """
        async with self.shares.one_of(caller):
            with self.memory.room(caller, pace) as room:
                yield room


@dataclass(frozen=True)
class Transfers:
    """Both directions, each with memory of its own, so that readers never hold up who sends, nor the other way."""

    uploads: Direction
    downloads: Direction


def build_transfers(settings: Settings, *, most_readers: int) -> Transfers:
    """What the settings say; never more readers than there are connections for."""
    rates = settings.rates
    uploads = Shares(rates.uploads_max_concurrent, wait_seconds=0, refusal=TooManyUploads, doing="sending {most} files")
    downloads = Shares(
        rates.downloads_max_concurrent,
        wait_seconds=DOWNLOAD_WAIT_SECONDS,
        refusal=TooManyDownloads,
        doing="reading {most} files",
    )
    readers_bytes = min(settings.download.memory_bytes, most_readers * READER_BYTES)
    return Transfers(
        Direction(uploads, MemoryBudget(settings.upload.memory_bytes)),
        Direction(downloads, MemoryBudget(readers_bytes)),
    )


async def take_reader_room(room: Room) -> None:
    """Hold what one reader needs.

    Raises:
        StorageBusy: other readers hold all there is, and each of them reads on.
    """
    try:
        async with asyncio.timeout(MEMORY_WAIT_SECONDS):
            await room.take(READER_BYTES)
    except TimeoutError as error:
        raise StorageBusy(retry_after_seconds=1) from error
