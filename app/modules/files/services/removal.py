"""Removes the bytes of objects that were given up. Acts for nobody: the right was checked where they were."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog

from app.config import UploadSettings
from app.core.background import BackgroundLoop
from app.core.clock import utc_now
from app.core.database import Database
from app.core.outbox import OutboxEntry
from app.modules.files.keys import staging_prefix
from app.modules.files.models import StoredObject
from app.modules.files.removal_repository import RemovalRepository
from app.modules.files.repository import FileRepository
from app.modules.files.s3_service import FileStore

log = structlog.get_logger()


class RemovalService:
    """Carries out what `RemovalRepository` entered into the outbox; twice does no harm."""

    def __init__(self, database: Database, store: FileStore, settings: UploadSettings, key_prefix: str) -> None:
        self._database = database
        self._store = store
        self._settings = settings
        self._staging = staging_prefix(key_prefix)

    async def remove(self, entry: OutboxEntry) -> None:
        """Leave nothing under the object's key, then say so in the ledger.

        A pending file that has no object left goes with its last one.
        """
        look_again = bool(entry.payload.get("look_again"))
        may_be_multipart = bool(entry.payload.get("may_be_multipart"))
        object_id = UUID(entry.payload["object_id"])
        async with self._database.transaction() as session:
            stored = await RemovalRepository(session).removing(object_id)
        if stored is None:
            return  # done before, by somebody who could not say so
        await self._store.remove(stored.key, upload_id=stored.upload_id, may_be_multipart=may_be_multipart)
        async with self._database.transaction() as session:
            await FileRepository(session).lock(stored.file_id)
            removals = RemovalRepository(session)
            if (again_at := self._written_until(stored, look_again=look_again)) is not None:
                removals.remove_again(stored, again_at, may_be_multipart=may_be_multipart)
            else:
                await removals.mark_removed(stored)
            await removals.delete_pending(stored.file_id)
        log.info("s3_file_deleted", file_id=str(stored.file_id))

    def _written_until(self, stored: StoredObject, *, look_again: bool) -> datetime | None:
        """Until when somebody may still write to the key; None when nobody can.

        A store that did not answer in time may do later what it was told. A client's URL may live,
        or its transfer go on: stores look at a URL only when a request begins.
        """
        now = utc_now()
        if look_again:
            return now + timedelta(seconds=self._settings.late_write_seconds)
        if stored.url_expires_at is None:
            return None
        over = stored.url_expires_at + timedelta(seconds=self._settings.longest_transfer_seconds)
        return over if over > now else None

    async def clear_staging(self) -> int:
        """Remove objects in staging whose upload has ended; return how many.

        A client can write such an object with an upload URL that has not expired yet. Nothing reads it, and no quota
        counts it. Without this sweep it would stay until `remove` looks once more, when the URL has expired.
        """
        count = 0
        async for keys in self._store.keys_below(self._staging):
            async with self._database.transaction() as session:
                late = await RemovalRepository(session).given_up(keys)
            for key in late:
                await self._store.remove(key, upload_id=None, may_be_multipart=False)
            count += len(late)
        if count:
            log.info("late_uploads_removed", count=count)
        return count

    def staging_loop(self, interval_seconds: float) -> BackgroundLoop:
        """The same every `interval_seconds`."""
        return BackgroundLoop("staging", self.clear_staging, interval_seconds=interval_seconds)
