"""What is done about each difference between bucket and ledger, after a second look at both."""

from __future__ import annotations

import structlog

from app.core.database import Database
from app.core.exceptions import Conflict
from app.core.s3.adapter import S3
from app.core.s3.errors import ObjectNotFound, UploadNotFound
from app.core.s3.moves import ExactObject, remove_exactly
from app.core.s3.objects import ObjectHead
from app.modules.files.models import ObjectState
from app.modules.files.s3_service import FileStore
from app.modules.maintenance.ledger_repository import CONTENT_DAMAGED, CONTENT_LOST, LedgerRepository, LedgerRow
from app.modules.maintenance.services.comparison import Difference, Kind, Rules, compare, compare_uploads
from app.modules.maintenance.services.quarantine import Quarantine

log = structlog.get_logger()
LOST_DETAIL = "The file's bytes are no longer in the store."
CHANGED_DETAIL = "The store holds other bytes than those that were verified."
LOOKED_AT_TWICE = frozenset({Kind.MISSING, Kind.CHANGED, Kind.GONE})


class LeftAlone(Conflict):
    """Whatever is done about it could make it worse."""

    detail = "The object is left as it is; an operator has to look at it."


class Repair:
    """Puts single differences right. Each can be tried again, and any number of times."""

    def __init__(self, database: Database, s3: S3, store: FileStore, quarantine: Quarantine) -> None:
        self._database = database
        self._s3 = s3
        self._store = store
        self._quarantine = quarantine

    async def is_real(self, difference: Difference) -> bool:
        """Whether it's still so: the listing is a moment old, and only a HEAD says that an object is gone.

        Raises:
            HoldfastError: the store doesn't say.
        """
        if difference.kind not in LOOKED_AT_TWICE:
            return True
        head = await self._head(difference.key)
        # The row after the object: who removes one says so in the ledger first.
        row = await self._row(difference.key)
        if row is None or row.state != ObjectState.STORED:
            return False
        if difference.kind is Kind.CHANGED:
            return head is not None and not row.is_same(head.size_bytes, head.etag)
        return head is None

    async def repair(self, difference: Difference, rules: Rules) -> bool:
        """Put one right; False when it's no longer so.

        Raises:
            LeftAlone: it can't be put right.
            HoldfastError: registry or store don't let us; nothing is half done that the cleanup doesn't find.
        """
        match difference.kind:
            case Kind.UNKNOWN | Kind.LEFTOVER:
                return await self._remove(difference, rules)
            case Kind.UPLOAD:
                return await self._abort(difference, rules)
            case Kind.FOUND:
                return await self._take_back(difference)
            case Kind.MISSING | Kind.CHANGED | Kind.GONE:
                return await self.is_real(difference) and await self._write_down(difference)

    async def _remove(self, difference: Difference, rules: Rules) -> bool:
        entry, row = difference.entry, await self._row(difference.key)
        if entry is None or {each.kind for each in compare([entry], _by_key(row), rules)} != {difference.kind}:
            return False
        if difference.kind is Kind.UNKNOWN:
            await self._quarantine.move_aside(entry)
        elif entry.version_id is None:
            await self._s3.delete(entry.key)
        else:
            if row is not None and row.state == ObjectState.STORED:
                head = await self._head(entry.key)
                if head is None or (head.version_id or "null") != (row.version_id or "null"):
                    raise LeftAlone  # Readers don't get what was verified; an older version may be all that is left.
            await remove_exactly(self._s3, ExactObject(entry.key, entry.size_bytes, entry.etag, entry.version_id))
        return True

    async def _abort(self, difference: Difference, rules: Rules) -> bool:
        upload, row = difference.upload, await self._row(difference.key)
        if upload is None or not list(compare_uploads([upload], _by_key(row), rules)):
            return False
        for key in dict.fromkeys((upload.key, upload.key_as_listed or upload.key)):
            try:
                await self._s3.multipart.abort(key, upload.upload_id)
            except (UploadNotFound, ObjectNotFound):
                continue
            return True
        return False

    async def _take_back(self, difference: Difference) -> bool:
        """Exactly the bytes that were lost are there again."""
        head, row = await self._head(difference.key), await self._row(difference.key)
        if head is None or row is None or row.state != ObjectState.LOST:
            return False
        if not row.is_same(head.size_bytes, head.etag):
            raise LeftAlone
        async with self._database.transaction() as session:
            return await LedgerRepository(session).usable_again(row, CONTENT_LOST)

    async def _write_down(self, difference: Difference) -> bool:
        row = difference.row
        if row is None:
            return False
        async with self._database.transaction() as session:
            ledger = LedgerRepository(session)
            if difference.kind is Kind.GONE:
                await ledger.forget(row)
                return True
            is_lost = difference.kind is Kind.MISSING
            code, detail = (CONTENT_LOST, LOST_DETAIL) if is_lost else (CONTENT_DAMAGED, CHANGED_DETAIL)
            state = ObjectState.LOST if is_lost else ObjectState.STORED
            is_done = await ledger.unusable(row, code, detail, state=state)
        if is_done:
            log.error("content_unusable", file_id=str(row.file_id), code=code)
        return is_done

    async def _head(self, key: str) -> ObjectHead | None:
        """None only where the store says that the object isn't there, and has the bucket."""
        try:
            return await self._store.head(key)
        except ObjectNotFound:
            return None

    async def _row(self, key: str) -> LedgerRow | None:
        async with self._database.transaction() as session:
            return (await LedgerRepository(session).rows_of([key])).get(key)


def _by_key(row: LedgerRow | None) -> dict[str, LedgerRow]:
    return {} if row is None else {row.key: row}
