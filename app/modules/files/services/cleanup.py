"""Finishes what a dead process, an unreachable store or a lost registry left half done."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from app.core.clock import utc_now
from app.core.database import Database
from app.core.exceptions import HoldfastError
from app.modules.files.key_repository import KeyRepository
from app.modules.files.repository import FileRepository
from app.modules.files.s3_service import FileStore

log = structlog.get_logger()
BATCH = 100
# A client that sent no part for so long after its upload's end is gone.
PART_PAUSE = timedelta(minutes=15)


class CleanupService:
    """Removes objects whose lease ran out: uploads nobody writes any more, deletions nobody finished.

    Any number of workers may do this at once. It acts for nobody, so it takes no principal.
    """

    def __init__(self, database: Database, store: FileStore) -> None:
        self._database = database
        self._store = store

    async def run_once(self) -> int:
        """One batch; returns how many objects were removed. What fails is tried again later."""
        async with self._database.transaction() as session:
            leftovers = await FileRepository(session).claim_leftovers(limit=BATCH)
            await KeyRepository(session).purge()
        removed = 0
        for stored in leftovers:
            try:
                await self._store.remove(stored.key, upload_id=stored.upload_id, may_be_multipart=True)
            except HoldfastError as error:
                log.warning("object_removal_postponed", file_id=str(stored.file_id), code=type(error).code)
                continue
            async with self._database.transaction() as session:
                repository = FileRepository(session)
                await repository.lock(stored.file_id)
                await repository.mark_removed(stored.id)
                await repository.delete_pending(stored.file_id)
            removed += 1
        if removed:
            log.info("leftovers_removed", count=removed)
        return removed

    async def spare_what_still_arrives(self) -> None:
        """Multipart uploads of clients whose time is over: given up only when no part came for a while."""
        async with self._database.transaction() as session:
            claimed = await FileRepository(session).claim_receiving(limit=BATCH)
        for stored in claimed:
            last_part_at = await self._store.last_part_at(stored.key, stored.upload_id or "")
            async with self._database.transaction() as session:
                repository = FileRepository(session)
                if last_part_at is not None and last_part_at > utc_now() - PART_PAUSE:
                    await repository.extend_lease(stored.id, last_part_at + PART_PAUSE)
                else:
                    await repository.mark_abandoned(stored.id, None)
                    await repository.end_lease(stored.id)

    async def run_forever(self, interval_seconds: float) -> None:
        """A batch now and then one every `interval_seconds`; at once again while batches are full."""
        while True:
            try:
                await self.spare_what_still_arrives()
                while await self.run_once() == BATCH:
                    continue
            except HoldfastError as error:
                log.warning("cleanup_postponed", code=type(error).code)
            await asyncio.sleep(interval_seconds)
