"""What happens to objects that the registry has given up: they leave the bucket, then the ledger says so."""

from __future__ import annotations

from uuid import UUID

import structlog

from app.core.database import Database
from app.core.exceptions import HoldfastError
from app.core.resources import Afterwork
from app.modules.files.repository import FileRepository
from app.modules.files.s3_service import FileStore

log = structlog.get_logger()


class Removal:
    """Removes what was given up in a transaction that is committed; what it can't, the cleanup finds."""

    def __init__(self, database: Database, store: FileStore, afterwork: Afterwork) -> None:
        self._database = database
        self._store = store
        self._afterwork = afterwork

    async def remove_given_up(self, file_id: UUID) -> bool:
        """Remove all objects of one file that were given up and that no process of ours still writes.

        False when it has to wait: for every caller they are gone, and the ledger keeps what is left to remove.
        """
        try:
            await self._afterwork.run(self._remove(file_id))
        except HoldfastError as error:
            log.warning("object_removal_postponed", file_id=str(file_id), code=type(error).code)
            return False
        return True

    async def _remove(self, file_id: UUID) -> None:
        async with self._database.transaction() as session:
            given_up = await FileRepository(session).given_up(file_id)
        for stored in given_up:
            await self._store.remove(stored.key, upload_id=stored.upload_id, may_be_multipart=False)
            async with self._database.transaction() as session:
                await FileRepository(session).mark_removed(stored.id)
