"""Scrub: reads stored bytes back at a set pace, compares their SHA-256, fills in missing ones."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from app.config import MEBIBYTE, MaintenanceSettings
from app.core.clock import utc_now
from app.core.database import Database
from app.core.exceptions import HoldfastError
from app.core.s3.errors import ObjectArchived, ObjectChanged, ObjectNotFound
from app.modules.files.models import ObjectState
from app.modules.files.s3_service import FileStore
from app.modules.maintenance.ledger_repository import CONTENT_DAMAGED, LedgerRepository, LedgerRow
from app.modules.maintenance.reports import Gravity, Tally

log = structlog.get_logger()
BATCH = 100
DETAIL = "The bytes in the store are not those that were verified."
DAMAGED, FILLED, HEALED, ABSENT, UNREAD = (
    "damaged objects", "checksums filled in", "objects whole again", "objects not there", "objects not read",
)  # fmt: skip
KINDS = {
    DAMAGED: Gravity.DAMAGE,
    FILLED: Gravity.ROUTINE,
    HEALED: Gravity.ROUTINE,
    ABSENT: Gravity.WRONG,
    UNREAD: Gravity.WRONG,
}


class Pace:
    """Lets so many bytes a second through, counted from its beginning.

    Args:
        bytes_per_second: on average.
        clock: seconds, never going back.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        bytes_per_second: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._bytes_per_second = bytes_per_second
        self._clock = clock
        self._sleep = sleep
        self._free_at = clock()

    async def keep(self, size_bytes: int) -> None:
        """Wait until so many more bytes are due. Time that passed unused is not made up for."""
        now = self._clock()
        self._free_at = max(self._free_at, now) + size_bytes / self._bytes_per_second
        if self._free_at > now:
            await self._sleep(self._free_at - now)


class ScrubJob:
    """One process at a time: two would read twice as fast as was set. It never removes bytes."""

    name = "scrub"
    kinds = KINDS

    def __init__(self, database: Database, store: FileStore, settings: MaintenanceSettings) -> None:
        self._database = database
        self._store = store
        self._bytes_per_second = settings.scrub_mb_per_second * MEBIBYTE
        self._interval = timedelta(days=settings.scrub_interval_days)

    async def run(
        self,
        tally: Tally,
        *,
        dry_run: bool,
        whole: bool,
        until_seconds: float | None = None,
        cursor: dict[str, Any] | None = None,
        save: Callable[[dict[str, Any]], Awaitable[None]] | None = None,
    ) -> None:
        """The longest unseen first; `whole` reads what was read not long ago too.

        After `until_seconds` no other object is begun: the next run goes on.
        """
        now = utc_now()
        begun = datetime.fromisoformat(cursor["begun"]) if cursor else now
        due = begun if whole else now - self._interval
        pace, started = Pace(self._bytes_per_second), time.monotonic()
        after: tuple[datetime, UUID] | None = None
        while True:
            async with self._database.transaction() as session:
                ledger = LedgerRepository(session)
                rows = await ledger.next_to_scrub(after=after, until=begun, due=due, limit=BATCH)
            for row in rows:
                if until_seconds is not None and time.monotonic() - started > until_seconds:
                    return
                await self._scrub(row, tally, pace, dry_run=dry_run)
            if len(rows) < BATCH:
                return
            after = (rows[-1].last_look_at, rows[-1].id)
            if save is not None:
                # What was read since then says so in its row: that is all there is to go on from.
                await save({"begun": begun.isoformat(), "tally": tally.as_dict()})

    async def _scrub(self, row: LedgerRow, tally: Tally, pace: Pace, *, dry_run: bool) -> None:
        tally.look("objects")
        try:
            sha256 = await self._read(row, tally, pace)
        except ObjectArchived:
            tally.look("archived objects")
            return
        except ObjectNotFound:
            tally.find(ABSENT, row.key)  # Reconcile deals with it.
            return
        except ObjectChanged:
            sha256 = None
        except HoldfastError as error:
            log.warning("scrub_postponed", object_id=str(row.id), code=type(error).code)
            tally.find(UNREAD, row.key)
            return
        if sha256 is None or sha256 != (row.sha256 or sha256):
            await self._damaged(row, tally, dry_run=dry_run)
            return
        if row.sha256 is None:
            tally.find(FILLED, row.file_id)
        if dry_run:
            return
        async with self._database.transaction() as session:
            ledger = LedgerRepository(session)
            if await ledger.is_rejected(row, CONTENT_DAMAGED) and await ledger.usable_again(row, CONTENT_DAMAGED):
                tally.find(HEALED, row.file_id)
                tally.do(HEALED)
            if await ledger.note_scrubbed(row, sha256) and row.sha256 is None:
                tally.do(FILLED)

    async def _read(self, row: LedgerRow, tally: Tally, pace: Pace) -> str:
        """The SHA-256 of exactly the object that was verified."""
        digest, size_bytes = hashlib.sha256(), row.size_bytes or 0
        async for chunk in self._store.read(row.key, etag=row.etag or "", first=0, last=size_bytes - 1):
            await asyncio.to_thread(digest.update, chunk)
            tally.look("bytes", len(chunk))
            await pace.keep(len(chunk))
        return digest.hexdigest()

    async def _damaged(self, row: LedgerRow, tally: Tally, *, dry_run: bool) -> None:
        if dry_run:
            tally.find(DAMAGED, row.file_id)
            return
        async with self._database.transaction() as session:
            is_still_it = await LedgerRepository(session).unusable(
                row, CONTENT_DAMAGED, DETAIL, state=ObjectState.STORED, scrubbed=True
            )
        if is_still_it:
            log.error("content_unusable", file_id=str(row.file_id), code=CONTENT_DAMAGED)
            tally.find(DAMAGED, row.file_id)
            tally.do(DAMAGED)
