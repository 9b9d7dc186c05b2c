"""Walks bucket and ledger side by side in the order of the keys, one page of each in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

from app.core.database import Database
from app.core.s3.adapter import S3
from app.core.s3.listing import Position, has_versions, object_pages, upload_pages, version_pages
from app.modules.maintenance.ledger_repository import LedgerRepository, LedgerRow
from app.modules.maintenance.services.comparison import Difference, Rules, absent, compare, compare_uploads

ROWS_AT_ONCE = 2000
LAST_CHARACTER = "\U0010ffff"


@dataclass(frozen=True)
class Found:
    """What one page held: how much, how it differs, and where the next one begins, if one can go on from there."""

    objects: int
    rows: int
    uploads: int
    # Keys that the registry can't hold, which has no character for zero.
    unspeakable: int
    differences: list[Difference]
    following: Position | None


class Survey:
    """Reads only."""

    def __init__(self, database: Database, s3: S3) -> None:
        self._database = database
        self._s3 = s3
        self._prefix = s3.settings.key_prefix

    async def objects(self, after: Position, rules: Rules) -> AsyncIterator[Found]:
        """Objects, and versions where the bucket keeps or kept them.

        Each page is listed before its rows are read: an object has its row before it exists.
        """
        listing = version_pages if await has_versions(self._s3) else object_pages
        begin = after.key or self._prefix
        async for page in listing(self._s3, self._prefix, after):
            entries = [entry for entry in page.items if "\0" not in entry.key]
            keys = {entry.key for entry in entries}
            current = {entry.key for entry in entries if entry.is_current}
            end = entries[-1].key if entries and page.following else f"{self._prefix}{LAST_CHARACTER}"
            rows: dict[str, LedgerRow] = {}
            differences: list[Difference] = []
            seen = 0
            async for stretch in self._stretches(begin, end):
                seen += len(stretch)
                rows |= {row.key: row for row in stretch if row.key in keys}
                differences += absent(stretch, current)
                if len(differences) >= ROWS_AT_ONCE:
                    # Half a page of the ledger without objects: handed on before it fills the memory.
                    yield Found(0, 0, 0, 0, differences, None)
                    differences = []
            rows |= await self._others(keys - rows.keys())
            differences += compare(entries, rows, rules)
            counted = sum(not rules.is_reserved(key) for key in current)
            yield Found(counted, seen, 0, len(page.items) - len(entries), differences, page.following)
            begin = end

    async def uploads(self, after: Position, rules: Rules) -> AsyncIterator[Found]:
        """Unfinished multipart uploads."""
        async for page in upload_pages(self._s3, self._prefix, after):
            uploads = [upload for upload in page.items if "\0" not in upload.key]
            rows = await self._others({upload.key for upload in uploads})
            differences = list(compare_uploads(uploads, rows, rules))
            yield Found(0, 0, len(uploads), len(page.items) - len(uploads), differences, page.following)

    async def _stretches(self, begin: str, end: str) -> AsyncIterator[list[LedgerRow]]:
        while True:
            async with self._database.transaction() as session:
                rows = await LedgerRepository(session).stretch(after=begin, upto=end, limit=ROWS_AT_ONCE)
            yield rows
            if len(rows) < ROWS_AT_ONCE:
                return
            begin = rows[-1].key

    async def _others(self, keys: Collection[str]) -> dict[str, LedgerRow]:
        if not keys:
            return {}
        async with self._database.transaction() as session:
            return await LedgerRepository(session).rows_of(sorted(keys))
