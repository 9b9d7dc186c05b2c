"""Purge: what was soft-deleted long enough ago goes for good, what lay aside long enough, and API keys long ended."""

from __future__ import annotations

from app.config import MaintenanceSettings
from app.core.audit import MAINTENANCE, Action, record
from app.core.audit.retention import count_old_entries, purge_entries
from app.core.database import Database
from app.modules.auth.api_key_repository import ApiKeyRepository
from app.modules.files.removal_repository import RemovalRepository
from app.modules.files.repository import FileRepository
from app.modules.maintenance.ledger_repository import LedgerRepository
from app.modules.maintenance.reports import Gravity, Tally

BATCH = 100
JOURNAL_BATCH = 1000
FILES, ASIDE, KEYS, JOURNAL = "purged files", "purged quarantine", "purged API keys", "purged audit entries"
KINDS = dict.fromkeys((FILES, ASIDE, KEYS, JOURNAL), Gravity.ROUTINE)


class PurgeJob:
    """Any number of workers may do this at once: each takes what no other has locked."""

    name = "purge"
    kinds = KINDS

    def __init__(self, database: Database, settings: MaintenanceSettings) -> None:
        self._database = database
        self._days = settings.file_cleanup_days
        self._quarantine_days = settings.quarantine_days
        self._key_days = settings.api_key_cleanup_days
        self._journal_days = settings.audit_retention_days

    async def run(self, tally: Tally, *, dry_run: bool) -> None:
        """Until nothing is left that is due."""
        if dry_run:
            await self._count(tally)
            return
        while self._days is not None and await self._purge_files(tally, self._days):
            continue
        while await self._purge_quarantine(tally):
            continue
        while self._key_days is not None and await self._purge_keys(tally, self._key_days):
            continue
        while self._journal_days is not None and await self._purge_journal(tally, self._journal_days):
            continue

    async def _count(self, tally: Tally) -> None:
        async with self._database.transaction() as session:
            ledger = LedgerRepository(session)
            if self._days is not None:
                tally.find(FILES, count=await ledger.count_purgeable(self._days))
            tally.find(ASIDE, count=await ledger.count_old_quarantine(self._quarantine_days))
            if self._key_days is not None:
                tally.find(KEYS, count=await ApiKeyRepository(session).count_purgeable(self._key_days))
            if self._journal_days is not None:
                tally.find(JOURNAL, count=await count_old_entries(session, days=self._journal_days))

    async def _purge_files(self, tally: Tally, days: int) -> bool:
        async with self._database.transaction() as session:
            chosen = await LedgerRepository(session).lock_purgeable(days=days, limit=BATCH)
            if chosen:
                await RemovalRepository(session).give_up_all(*chosen)
                for file_id, owner_id in await FileRepository(session).delete(*chosen):
                    record(session, MAINTENANCE, Action.PURGE, file_id=file_id, owner_id=owner_id)
        for file_id in chosen:
            tally.find(FILES, file_id)
        # The files are gone from this commit on; the outbox has their bytes.
        tally.do(FILES, len(chosen))
        return bool(chosen)

    async def _purge_quarantine(self, tally: Tally) -> bool:
        async with self._database.transaction() as session:
            chosen = await LedgerRepository(session).lock_old_quarantine(days=self._quarantine_days, limit=BATCH)
            await RemovalRepository(session).give_up(*[stored.id for stored in chosen])
        for stored in chosen:
            tally.find(ASIDE, stored.original_key)
        tally.do(ASIDE, len(chosen))
        return bool(chosen)

    async def _purge_keys(self, tally: Tally, days: int) -> bool:
        async with self._database.transaction() as session:
            purged = await ApiKeyRepository(session).purge(days=days, limit=BATCH)
        for key_id in purged:
            tally.find(KEYS, key_id)
        tally.do(KEYS, len(purged))
        return bool(purged)

    async def _purge_journal(self, tally: Tally, days: int) -> bool:
        async with self._database.transaction() as session:
            gone = await purge_entries(session, days=days, limit=JOURNAL_BATCH)
        tally.find(JOURNAL, count=gone)
        tally.do(JOURNAL, gone)
        return gone > 0
