"""Gives up what a dead process or a silent client left half done; the outbox removes it."""

from __future__ import annotations

from datetime import timedelta

import structlog

from app.core.background import BackgroundLoop
from app.core.clock import utc_now
from app.core.database import Database
from app.modules.files.idempotency_key_repository import IdempotencyKeyRepository
from app.modules.files.removal_repository import RemovalRepository
from app.modules.files.repository import FileRepository
from app.modules.files.s3_service import FileStore
from app.modules.quotas.repository import QuotaRepository

log = structlog.get_logger()
BATCH = 100
# A client that sent no part for so long after its upload's end is gone.
PART_PAUSE = timedelta(minutes=15)


class CleanupService:
    """Finds objects whose lease ran out: uploads that nobody writes any more.

    Any number of workers may do this at once. It acts for nobody, so it takes no principal.
    """

    def __init__(self, database: Database, store: FileStore) -> None:
        self._database = database
        self._store = store

    async def give_up_overdue(self) -> int:
        """All objects whose writer is gone, batch by batch; returns how many."""
        given_up = 0
        while True:
            async with self._database.transaction() as session:
                batch = await RemovalRepository(session).give_up_overdue(limit=BATCH)
            given_up += batch
            if batch < BATCH:
                break
        if given_up:
            log.info("leftovers_given_up", count=given_up)
        return given_up

    async def give_up_silent(self) -> int:
        """Multipart uploads of clients whose time is over, if no part came for a while; returns how many."""
        given_up = 0
        async with self._database.transaction() as session:
            claimed = await RemovalRepository(session).claim_receiving(limit=BATCH)
        for stored in claimed:
            last_part_at = await self._store.last_part_at(stored.key, stored.upload_id or "")
            async with self._database.transaction() as session:
                if last_part_at is not None and last_part_at > utc_now() - PART_PAUSE:
                    await FileRepository(session).extend_lease(stored.id, last_part_at + PART_PAUSE)
                else:
                    given_up += await RemovalRepository(session).abandon(stored.id, None)
        return given_up

    async def forget_old_keys(self) -> None:
        """Idempotency keys that are a day old."""
        async with self._database.transaction() as session:
            await IdempotencyKeyRepository(session).purge()

    async def sum_up_usage(self) -> None:
        """What owners got and gave up since the last time, a hundred owners in a transaction."""
        upto: str | None = ""
        while upto is not None:
            async with self._database.transaction() as session:
                upto = await QuotaRepository(session).sum_up(after=upto)

    async def run_once(self) -> int:
        """All of these, once; returns how many objects were given up."""
        given_up = await self.give_up_silent() + await self.give_up_overdue()
        await self.forget_old_keys()
        await self.sum_up_usage()
        return given_up

    def loop(self, interval_seconds: float) -> BackgroundLoop:
        """The same every `interval_seconds`."""
        return BackgroundLoop("cleanup", self.run_once, interval_seconds=interval_seconds)
