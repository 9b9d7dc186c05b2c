"""The registry's queries. None commits, and every one that a caller's id reaches takes whom it may see."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, delete, func, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from app.modules.auth.principal import Principal
from app.modules.files.models import FileStatus, FileUpload, ObjectState, StoredObject
from app.modules.files.visibility import owned_by, readable_by

# How long whoever gave an object up has for removing it, before somebody else tries.
REMOVAL_TIME = timedelta(seconds=60)
# A store checks an URL when a request begins; how long such a request may go on after the URL's end.
LONGEST_LATE_UPLOAD = timedelta(hours=1)


def _may_be_receiving() -> ColumnElement[bool]:
    """A multipart upload that a client, not a process of ours, writes to."""
    return and_(
        StoredObject.state == ObjectState.RESERVED,
        StoredObject.upload_id.is_not(None),
        StoredObject.lease_token.is_(None),
    )


class FileRepository:
    """Queries on files and their objects within one transaction.

    Args:
        session: an open one; its owner commits.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, file: FileUpload, stored: StoredObject) -> None:
        """Enter a file and the object that its bytes will go to."""
        self._session.add_all([stored, file])

    def add_object(self, stored: StoredObject) -> None:
        """Enter one more object of a file that is known."""
        self._session.add(stored)

    async def readable(self, principal: Principal, file_id: UUID) -> FileUpload | None:
        """A file that the caller owns or that is public, with its object."""
        return await self._one(select(FileUpload).where(FileUpload.id == file_id, readable_by(principal)))

    async def readable_of(self, principal: Principal, file_ids: Sequence[UUID]) -> dict[UUID, FileUpload]:
        """Those of many files that the caller owns or that are public, with their objects."""
        query = select(FileUpload).where(FileUpload.id.in_(file_ids), readable_by(principal))
        files = await self._session.scalars(query.options(joinedload(FileUpload.current_object)))
        return {file.id: file for file in files}

    async def owned(self, principal: Principal, file_id: UUID, *, for_update: bool = False) -> FileUpload | None:
        """A file that the caller may change, with its object."""
        query = select(FileUpload).where(FileUpload.id == file_id, owned_by(principal))
        return await self._one(query.with_for_update(of=FileUpload) if for_update else query)

    async def _one(self, query: Select[FileUpload]) -> FileUpload | None:
        file: FileUpload | None = await self._session.scalar(query.options(joinedload(FileUpload.current_object)))
        return file

    async def by_id(self, file_id: UUID) -> FileUpload | None:
        """A file, for callers whose right was checked when they found it."""
        return await self._one(select(FileUpload).where(FileUpload.id == file_id))

    async def pending(self, file_id: UUID) -> FileUpload | None:
        """A file whose bytes are being written, locked for the flip."""
        query = select(FileUpload).where(
            FileUpload.id == file_id, FileUpload.status.in_([FileStatus.PENDING, FileStatus.VERIFYING])
        )
        return await self._one(query.with_for_update(of=FileUpload))

    async def renew_lease(self, object_id: UUID, token: UUID, seconds: float) -> bool:
        """Push the end of a lease; False when it is no longer held."""
        return await self._change_leased(object_id, token, lease_expires_at=func.now() + timedelta(seconds=seconds))

    async def note_upload_id(self, object_id: UUID, token: UUID | None, upload_id: str) -> bool:
        """Write down the store's multipart upload, so that whoever cleans up knows what to abort."""
        return await self._change_leased(object_id, token, upload_id=upload_id)

    async def mark_stored(
        self,
        object_id: UUID,
        token: UUID | None,
        *,
        size_bytes: int,
        etag: str,
        version_id: str | None,
        **checksum: str | None,
    ) -> bool:
        """Say that the object's bytes are verified; False when the lease was lost meanwhile."""
        return await self._change_leased(
            object_id,
            token,
            state=ObjectState.STORED,
            size_bytes=size_bytes,
            etag=etag,
            version_id=version_id,
            upload_id=None,
            lease_token=None,
            lease_expires_at=None,
            **checksum,
        )

    async def mark_abandoned(self, object_id: UUID, token: UUID | None) -> bool:
        """Give a reserved object up; False when it isn't ours to give up."""
        return await self._change_leased(
            object_id, token, state=ObjectState.REMOVING, lease_expires_at=func.now() + REMOVAL_TIME
        )

    async def _change_leased(self, object_id: UUID, token: UUID | None, **values: object) -> bool:
        query = (
            update(StoredObject)
            .where(
                StoredObject.id == object_id,
                StoredObject.state == ObjectState.RESERVED,
                StoredObject.lease_token.is_not_distinct_from(token),
            )
            .values(updated_at=func.now(), **values)
            .returning(StoredObject.id)
        )
        return await self._session.scalar(query) is not None

    async def mark_removing(self, file_id: UUID) -> Sequence[StoredObject]:
        """Give up all objects of a file; returns those that no process of ours is writing.

        One that is still being written is left to its writer, who finds its lease gone: removed
        now, it could be written again a moment later.
        """
        given_up = update(StoredObject).values(state=ObjectState.REMOVING, updated_at=func.now())
        mine = StoredObject.file_id == file_id
        reserved = StoredObject.state == ObjectState.RESERVED
        await self._session.execute(given_up.where(mine, reserved, StoredObject.lease_token.is_not(None)))
        rest = given_up.where(mine, or_(StoredObject.state == ObjectState.STORED, reserved))
        query = rest.values(lease_expires_at=func.now() + REMOVAL_TIME).returning(StoredObject)
        return (await self._session.scalars(query)).all()

    async def claim_leftovers(self, *, limit: int) -> Sequence[StoredObject]:
        """Take over objects whose writer or remover is gone; no two callers get the same one."""
        left = select(StoredObject.id).where(
            StoredObject.state.in_([ObjectState.RESERVED, ObjectState.REMOVING]),
            StoredObject.lease_expires_at < func.now(),
            not_(_may_be_receiving()),
        )
        chosen = left.order_by(StoredObject.lease_expires_at).limit(limit).with_for_update(skip_locked=True)
        query = (
            update(StoredObject)
            .where(StoredObject.id.in_(chosen.scalar_subquery()))
            .values(
                state=ObjectState.REMOVING,
                lease_token=None,
                lease_expires_at=func.now() + REMOVAL_TIME,
                updated_at=func.now(),
            )
            .returning(StoredObject)
        )
        return (await self._session.scalars(query)).all()

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
            .values(lease_expires_at=func.now() + REMOVAL_TIME)
            .returning(StoredObject)
        )
        return (await self._session.scalars(query)).all()

    async def end_lease(self, object_id: UUID) -> None:
        """Let the next cleanup take an object that was given up."""
        removing = (StoredObject.id == object_id, StoredObject.state == ObjectState.REMOVING)
        await self._session.execute(update(StoredObject).where(*removing).values(lease_expires_at=func.now()))

    async def extend_lease(self, object_id: UUID, until: datetime) -> None:
        """Give an object that nobody holds by a token more time."""
        await self._change_leased(object_id, None, lease_expires_at=until)

    async def delete_pending(self, file_id: UUID) -> None:
        """Remove a file from the registry whose bytes never became visible, unless some may still come."""
        alive = select(StoredObject.id).where(
            StoredObject.file_id == file_id, StoredObject.state.in_([ObjectState.RESERVED, ObjectState.STORED])
        )
        await self._session.execute(
            delete(FileUpload).where(
                FileUpload.id == file_id,
                FileUpload.status.in_([FileStatus.PENDING, FileStatus.VERIFYING]),
                ~alive.exists(),
            )
        )

    async def lock(self, file_id: UUID) -> None:
        """Take the file's lock, as all do who change a file and its objects: first, so that none wait in a ring."""
        await self._session.execute(select(FileUpload.id).where(FileUpload.id == file_id).with_for_update())

    async def given_up(self, file_id: UUID) -> Sequence[StoredObject]:
        """Objects of a file that wait for their removal and that no process of ours is writing."""
        query = select(StoredObject).where(
            StoredObject.file_id == file_id,
            StoredObject.state == ObjectState.REMOVING,
            StoredObject.lease_token.is_(None),
        )
        return (await self._session.scalars(query)).all()

    async def removing(self, object_id: UUID) -> StoredObject | None:
        """An object that was given up and may still be in the bucket."""
        query = select(StoredObject).where(StoredObject.id == object_id, StoredObject.state == ObjectState.REMOVING)
        return await self._session.scalar(query)

    async def mark_removed(self, object_id: UUID) -> None:
        """Say that nothing is left of an object; the row stays, so that its key is never used again.

        Where an URL was issued for the key, a client may still be sending: it's looked at once
        more when the last URL has expired and the longest upload that it may have begun is over.
        """
        removing = (StoredObject.id == object_id, StoredObject.state == ObjectState.REMOVING)
        over = StoredObject.url_expires_at + LONGEST_LATE_UPLOAD
        await self._session.execute(
            update(StoredObject).where(*removing, over > func.now()).values(lease_expires_at=over, lease_token=None)
        )
        await self._session.execute(
            update(StoredObject)
            .where(*removing, or_(over.is_(None), over <= func.now()))
            .values(state=ObjectState.REMOVED, upload_id=None, updated_at=func.now())
        )

    async def give_up_others(self, file_id: UUID, *, keep: UUID) -> Sequence[StoredObject]:
        """Give up all objects of a file but one, such as the staging object that it was copied from."""
        query = (
            update(StoredObject)
            .where(
                StoredObject.file_id == file_id,
                StoredObject.id != keep,
                StoredObject.state.in_([ObjectState.RESERVED, ObjectState.STORED]),
            )
            .values(state=ObjectState.REMOVING, lease_expires_at=func.now() + REMOVAL_TIME, updated_at=func.now())
            .returning(StoredObject)
        )
        return (await self._session.scalars(query)).all()

    async def delete(self, file_id: UUID) -> None:
        """Remove a file from the registry for good."""
        await self._session.execute(delete(FileUpload).where(FileUpload.id == file_id))
