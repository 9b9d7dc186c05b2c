"""The registry's queries. None commits, and every one that a caller's id reaches takes whom it may see."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from app.modules.auth.principal import Principal
from app.modules.files.entry import Entry
from app.modules.files.models import FileStatus, FileUpload, ObjectState, StoredObject
from app.modules.files.visibility import changeable_by, entrusted_to, granted_to, owned_by, readable_by
from app.modules.quotas.admission import Quotas, admitted_bytes, quota_kept

# The statement that enters an object asks for its room, so that a new file costs no other.
HELD_BYTES = {
    "stored_objects_held_bytes": admitted_bytes(
        "stored_objects_held_for", "stored_objects_held_bytes", "stored_objects_held_files"
    )
}
NEW_FILE = Entry(StoredObject, FileUpload, computed=HELD_BYTES)


class FileRepository:
    """Queries on files and their objects within one transaction.

    Args:
        session: an open one; its owner commits.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, file: FileUpload, stored: StoredObject, quotas: Quotas) -> None:
        """Enter a file and the object that its bytes will go to, if there is room for what it holds.

        Raises:
            QuotaExceeded: there is none.
        """
        with quota_kept():
            await self._session.execute(NEW_FILE.statement, NEW_FILE.parameters(file, stored) | quotas.parameters)

    def add_object(self, stored: StoredObject) -> None:
        """Enter one more object of a file that is known."""
        self._session.add(stored)

    async def readable(self, principal: Principal, file_id: UUID) -> FileUpload | None:
        """A file that the caller owns, was granted, or that is public, with its object."""
        return await self._found(principal, file_id, readable_by(principal))

    async def readable_of(self, principal: Principal, file_ids: Sequence[UUID]) -> dict[UUID, FileUpload]:
        """Those of many files that the caller may look at, with their objects."""
        query = select(FileUpload).where(FileUpload.id.in_(file_ids), readable_by(principal))
        files = await self._session.scalars(query.options(joinedload(FileUpload.current_object)))
        return {file.id: file for file in files}

    async def owned(self, principal: Principal, file_id: UUID, *, for_update: bool = False) -> FileUpload | None:
        """A file of the caller's own (for an admin, anybody's), with its object."""
        return await self._found(principal, file_id, owned_by(principal), for_update=for_update)

    async def entrusted(self, principal: Principal, file_id: UUID) -> FileUpload | None:
        """A file that the caller owns or was granted, with its object."""
        return await self._found(principal, file_id, entrusted_to(principal))

    async def changeable(self, principal: Principal, file_id: UUID) -> FileUpload | None:
        """A file that the caller owns or was granted for writing, with its object, locked."""
        return await self._found(principal, file_id, changeable_by(principal), for_update=True)

    async def _found(
        self, principal: Principal, file_id: UUID, condition: ColumnElement[bool], *, for_update: bool = False
    ) -> FileUpload | None:
        this = (FileUpload.id == file_id, condition)
        # First the lock alone: what a statement that waits for it reads of other tables, of grants and objects,
        # is as it was before the wait.
        if for_update and await self._session.scalar(select(FileUpload.id).where(*this).with_for_update()) is None:
            return None
        query = select(FileUpload, granted_to(principal)).where(*this)
        row = (await self._session.execute(query.options(joinedload(FileUpload.current_object)))).one_or_none()
        if row is None:
            return None
        file: FileUpload = row[0]
        file.is_granted = bool(row[1])
        return file

    async def by_id(self, file_id: UUID) -> FileUpload | None:
        """A file, for callers whose right was checked when they found it."""
        query = select(FileUpload).where(FileUpload.id == file_id)
        file: FileUpload | None = await self._session.scalar(query.options(joinedload(FileUpload.current_object)))
        return file

    async def pending(self, file_id: UUID) -> FileUpload | None:
        """A file whose bytes are being written, locked for the flip."""
        query = select(FileUpload).where(
            FileUpload.id == file_id, FileUpload.status.in_([FileStatus.PENDING, FileStatus.VERIFYING])
        )
        query = query.with_for_update(of=FileUpload)
        file: FileUpload | None = await self._session.scalar(query.options(joinedload(FileUpload.current_object)))
        return file

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

    async def extend_lease(self, object_id: UUID, until: datetime) -> None:
        """Give an object that nobody holds by a token more time."""
        await self._change_leased(object_id, None, lease_expires_at=until)

    async def held_bytes(self, file_id: UUID) -> int:
        """How many bytes are held for what is still being written for a file."""
        reserved = (StoredObject.file_id == file_id, StoredObject.state == ObjectState.RESERVED)
        query = select(func.coalesce(func.sum(StoredObject.held_bytes), 0)).where(*reserved)
        return int(await self._session.scalar(query) or 0)

    async def lock(self, file_id: UUID) -> None:
        """Take the file's lock, as all do who change a file and its objects: first, so that none wait in a ring."""
        await self._session.execute(select(FileUpload.id).where(FileUpload.id == file_id).with_for_update())

    async def delete(self, *file_ids: UUID) -> Sequence[tuple[UUID, str]]:
        """Remove files from the registry for good; returns the id and the owner of each."""
        query = delete(FileUpload).where(FileUpload.id.in_(file_ids)).returning(FileUpload.id, FileUpload.owner_id)
        return [(file_id, owner_id) for file_id, owner_id in await self._session.execute(query)]
