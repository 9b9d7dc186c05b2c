"""Finishes what a dead process, an unreachable store or a lost registry left half done."""

from __future__ import annotations

import asyncio

import structlog

from app.core.database import Database
from app.core.exceptions import HoldfastError
from app.modules.files.repository import FileRepository
from app.modules.files.s3_service import FileStore

log = structlog.get_logger()
BATCH = 100


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
            repository = FileRepository(session)
            leftovers = await repository.claim_leftovers(limit=BATCH)
            await repository.delete_pending([stored.file_id for stored in leftovers])
        removed = 0
        for stored in leftovers:
            try:
                await self._store.remove(stored.key, upload_id=stored.upload_id, may_be_multipart=True)
            except HoldfastError as error:
                log.warning("object_removal_postponed", file_id=str(stored.file_id), code=type(error).code)
                continue
            async with self._database.transaction() as session:
                await FileRepository(session).mark_removed(stored.id)
            removed += 1
        if removed:
            log.info("leftovers_removed", count=removed)
        return removed

    async def run_forever(self, interval_seconds: float) -> None:
        """A batch now and then one every `interval_seconds`; at once again while batches are full."""
        while True:
            try:
                while await self.run_once() == BATCH:
                    continue
            except HoldfastError as error:
                log.warning("cleanup_postponed", code=type(error).code)
            await asyncio.sleep(interval_seconds)
