"""Giving objects up: marked in the ledger and entered into the outbox in one transaction. None commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, not_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import OUTBOX, Action, record
from app.core.outbox import OutboxEntry, enqueue
from app.modules.files.models import FileStatus, FileUpload, ObjectState, StoredObject

REMOVE_OBJECT = "object.remove"
# How long whoever looks at a client's multipart upload has for it, before somebody else does.
LOOKING_TIME = timedelta(seconds=60)

ALIVE = StoredObject.state.in_([ObjectState.RESERVED, ObjectState.STORED, ObjectState.LOST])


class RemovalRepository:
    """Queries within one transaction, whose owner commits.

    An object in the state `removing` always has an entry in the outbox; whoever carries it out
    removes the bytes, then says so with `mark_removed` or asks for it again with `remove_again`.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def abandon(
        self, object_id: UUID, token: UUID | None, *, may_be_multipart: bool = False, look_again: bool = False
    ) -> bool:
        """Give up an object that the caller was writing.

        Where somebody else gave it up already, it's removed once more: the caller may have written
        to it since. One that was stored is left alone.

        Args:
            object_id: which.
            token: the caller's lease of it.
            may_be_multipart: whether an upload may have been begun whose id never reached us.
            look_again: whether the store may still write what it was told.

        Returns:
            Whether it was the caller's to give up.
        """
        this = StoredObject.id == object_id
        mine = (StoredObject.state == ObjectState.RESERVED, StoredObject.lease_token.is_not_distinct_from(token))
        if await self._give_up(this, *mine, may_be_multipart=may_be_multipart, look_again=look_again):
            return True
        gone = StoredObject.state.in_([ObjectState.REMOVING, ObjectState.REMOVED])
        await self._give_up(this, gone, may_be_multipart=may_be_multipart, look_again=look_again)
        return False

    async def give_up_all(self, *file_ids: UUID, but: UUID | None = None) -> None:
        """Give up all objects of some files, or all but one.

        One that a process of ours is writing is given its lease's time: the writer finds the lease
        gone and gives it up itself; removed now, it could be written again a moment later.
        """
        kept = () if but is None else (StoredObject.id != but,)
        is_written = and_(StoredObject.state == ObjectState.RESERVED, StoredObject.lease_token.is_not(None))
        mine = (StoredObject.file_id.in_(file_ids), ALIVE, *kept)
        await self._give_up(*mine, is_written, when_lease_ends=True, may_be_multipart=True)
        await self._give_up(*mine)

    async def give_up(self, *object_ids: UUID) -> int:
        """Give up single objects that are stored, or were and came back; returns how many."""
        is_written = StoredObject.state.in_([ObjectState.STORED, ObjectState.LOST])
        return await self._give_up(StoredObject.id.in_(object_ids), is_written)

    async def give_up_overdue(self, *, limit: int) -> int:
        """Give up objects whose writer is gone; no two callers get the same one. Returns how many."""
        overdue = (
            select(StoredObject.id)
            .where(
                StoredObject.state == ObjectState.RESERVED,
                StoredObject.lease_expires_at < func.now(),
                not_(_may_be_receiving()),
            )
            .order_by(StoredObject.lease_expires_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        chosen = StoredObject.id.in_(overdue.scalar_subquery())
        return await self._give_up(chosen, may_be_multipart=True, look_again=True)

    async def _give_up(
        self,
        *which: ColumnElement[bool],
        when_lease_ends: bool = False,
        may_be_multipart: bool = False,
        look_again: bool = False,
    ) -> int:
        due_at = func.coalesce(StoredObject.lease_expires_at, func.now()) if when_lease_ends else func.now()
        query = (
            update(StoredObject)
            .where(*which)
            .values(state=ObjectState.REMOVING, updated_at=func.now())
            .returning(StoredObject.id, StoredObject.file_id, due_at)
        )
        given_up = (await self._session.execute(query)).all()
        flags = {"may_be_multipart": may_be_multipart, "look_again": look_again}
        enqueue(self._session, [_removal(of, file_id, due, **flags) for of, file_id, due in given_up])
        return len(given_up)

    async def claim_receiving(self, *, limit: int) -> Sequence[StoredObject]:
        """Take up multipart uploads of clients whose time is over; parts may still be arriving, so none is given up."""
        chosen = (
            select(StoredObject.id)
            .where(_may_be_receiving(), StoredObject.lease_expires_at < func.now())
            .order_by(StoredObject.lease_expires_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        query = (
            update(StoredObject)
            .where(StoredObject.id.in_(chosen.scalar_subquery()))
            .values(lease_expires_at=func.now() + LOOKING_TIME)
            .returning(StoredObject)
        )
        return (await self._session.scalars(query)).all()

    async def removing(self, object_id: UUID) -> StoredObject | None:
        """An object that was given up and may still be in the bucket."""
        query = select(StoredObject).where(StoredObject.id == object_id, StoredObject.state == ObjectState.REMOVING)
        return await self._session.scalar(query)

    async def given_up(self, keys: Sequence[str]) -> Sequence[str]:
        """Which of these keys belong to objects that were given up, so that nothing may lie there."""
        query = select(StoredObject.key).where(StoredObject.key.in_(keys), StoredObject.state == ObjectState.REMOVING)
        return (await self._session.scalars(query)).all()

    async def mark_removed(self, stored: StoredObject) -> None:
        """Say that nothing is left of an object; the row stays, so that its key is never used again."""
        removing = (StoredObject.id == stored.id, StoredObject.state == ObjectState.REMOVING)
        values = {"state": ObjectState.REMOVED, "upload_id": None, "lease_token": None, "lease_expires_at": None}
        await self._session.execute(update(StoredObject).where(*removing).values(updated_at=func.now(), **values))

    def remove_again(self, stored: StoredObject, due_at: datetime, *, may_be_multipart: bool) -> None:
        """Have an object removed once more, at a time when nothing can be written to its key any more."""
        enqueue(self._session, [_removal(stored.id, stored.file_id, due_at, may_be_multipart=may_be_multipart)])

    async def delete_pending(self, file_id: UUID) -> None:
        """Remove a file from the registry whose bytes never became visible, unless some may still come."""
        alive = select(StoredObject.id).where(StoredObject.file_id == file_id, ALIVE)
        query = (
            delete(FileUpload)
            .where(
                FileUpload.id == file_id,
                FileUpload.status.in_([FileStatus.PENDING, FileStatus.VERIFYING]),
                ~alive.exists(),
            )
            .returning(FileUpload.owner_id)
        )
        owner_id = await self._session.scalar(query)
        if owner_id is not None:
            # Whoever wrote it went away: a dead process, or a client that let its time pass.
            record(self._session, OUTBOX, Action.ABORT, file_id=file_id, owner_id=owner_id)


def _may_be_receiving() -> ColumnElement[bool]:
    """A multipart upload that a client, not a process of ours, writes to."""
    return and_(
        StoredObject.state == ObjectState.RESERVED,
        StoredObject.upload_id.is_not(None),
        StoredObject.lease_token.is_(None),
    )


def _removal(object_id: UUID, file_id: UUID, due_at: datetime, **payload: bool) -> OutboxEntry:
    return OutboxEntry(
        topic=REMOVE_OBJECT, subject=file_id, payload={"object_id": str(object_id), **payload}, due_at=due_at
    )
