"""Expire: files whose time has come, direct uploads that never ended, and all else that was left half done."""

from __future__ import annotations

from app.core.database import Database
from app.modules.files.services.cleanup import CleanupService
from app.modules.maintenance.ledger_repository import LedgerRepository
from app.modules.maintenance.reports import Gravity, Tally

BATCH = 500
FILES, LEFTOVERS = "expired files", "leftovers"
KINDS = {FILES: Gravity.ROUTINE, LEFTOVERS: Gravity.ROUTINE}


class ExpireJob:
    """Any number of workers may do this at once."""

    name = "expire"
    kinds = KINDS

    def __init__(self, database: Database, cleanup: CleanupService) -> None:
        self._database = database
        self._cleanup = cleanup

    async def run(self, tally: Tally, *, dry_run: bool) -> None:
        """Until nothing is left that is due."""
        if dry_run:
            async with self._database.transaction() as session:
                ledger = LedgerRepository(session)
                tally.find(FILES, count=await ledger.count_expired())
                tally.find(LEFTOVERS, count=await ledger.count_overdue())
            return
        while True:
            async with self._database.transaction() as session:
                expired = await LedgerRepository(session).expire(limit=BATCH)
            for file_id in expired:
                tally.find(FILES, file_id)
            tally.do(FILES, len(expired))
            if len(expired) < BATCH:
                break
        given_up = await self._cleanup.run_once()
        tally.find(LEFTOVERS, count=given_up)
        tally.do(LEFTOVERS, given_up)
