"""The one place where maintenance gives objects up: said in the ledger first, in the caller's transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlalchemy import delete, func, or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import Database
from app.core.exceptions import HoldfastError
from app.core.tasks import task_group
from app.modules.files.models import FileUpload, ObjectState, StoredObject
from app.modules.files.repository import REMOVAL_TIME, FileRepository
from app.modules.files.s3_service import FileStore

log = structlog.get_logger()
AT_ONCE = 8


class Removals:
    """Two steps: `files` or `objects` within a transaction, then `carry_out` after its commit.

    Whoever dies in between leaves rows in `removing`, whose lease runs out.
    """

    def __init__(self, database: Database, store: FileStore) -> None:
        self._database = database
        self._store = store

    @staticmethod
    async def files(session: AsyncSession, file_ids: Sequence[UUID]) -> Sequence[StoredObject]:
        """Delete files for good, whose rows the caller has locked; returns the objects to remove now.

        An object that a process of ours is writing is left to it: it finds its lease gone.
        """
        alive = StoredObject.state.in_([ObjectState.STORED, ObjectState.RESERVED, ObjectState.LOST])
        mine = (StoredObject.file_id.in_(file_ids), alive)
        given_up = update(StoredObject).values(state=ObjectState.REMOVING, updated_at=func.now())
        is_being_written = (StoredObject.state == ObjectState.RESERVED, StoredObject.lease_token.is_not(None))
        await session.execute(given_up.where(*mine, *is_being_written))
        rest = given_up.where(*mine).values(lease_expires_at=func.now() + REMOVAL_TIME).returning(StoredObject)
        objects = (await session.scalars(rest)).all()
        await session.execute(delete(FileUpload).where(FileUpload.id.in_(file_ids)))
        return objects

    @staticmethod
    async def objects(session: AsyncSession, object_ids: Sequence[UUID]) -> Sequence[StoredObject]:
        """Give up single objects that are stored, or were and came back; returns them."""
        states = or_(StoredObject.state == ObjectState.STORED, StoredObject.state == ObjectState.LOST)
        query = (
            update(StoredObject)
            .where(StoredObject.id.in_(object_ids), states)
            .values(state=ObjectState.REMOVING, lease_expires_at=func.now() + REMOVAL_TIME, updated_at=func.now())
            .returning(StoredObject)
        )
        return (await session.scalars(query)).all()

    async def carry_out(self, given_up: Sequence[StoredObject]) -> int:
        """Remove their bytes; returns how many are gone. What can't be removed now is found by its lease."""
        window = asyncio.Semaphore(AT_ONCE)
        async with task_group() as group:
            removing = [group.create_task(self._remove(stored, window)) for stored in given_up]
        gone = [stored.id for stored, task in zip(given_up, removing, strict=True) if task.result()]
        async with self._database.transaction() as session:
            repository = FileRepository(session)
            for object_id in gone:
                await repository.mark_removed(object_id)
        return len(gone)

    async def _remove(self, stored: StoredObject, window: asyncio.Semaphore) -> bool:
        async with window:
            try:
                await self._store.remove(stored.key, upload_id=stored.upload_id, may_be_multipart=False)
            except HoldfastError as error:
                log.warning("object_removal_postponed", file_id=str(stored.file_id), code=type(error).code)
                return False
        return True
