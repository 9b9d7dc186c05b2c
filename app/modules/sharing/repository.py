"""Queries on grants. None commits; whether the caller may ask was found out with the file, by its own query."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.modules.files.models import FileGrant
from app.modules.sharing.grantees import Grantee


class GrantRepository:
    """Queries on the grants of one file that the caller owns, within one transaction, whose owner commits."""

    def __init__(self, session: AsyncSession, file_id: UUID) -> None:
        self._session = session
        self._file_id = file_id

    async def all(self) -> Sequence[FileGrant]:
        """All of them, users before groups, each by name."""
        query = select(FileGrant).where(FileGrant.file_id == self._file_id)
        return (await self._session.scalars(query.order_by(FileGrant.grantee_kind.desc(), FileGrant.grantee))).all()

    async def count(self) -> int:
        """How many there are; under the file's lock nobody else enters one."""
        query = select(func.count()).select_from(FileGrant).where(FileGrant.file_id == self._file_id)
        return await self._session.scalar(query) or 0

    async def get(self, grantee: Grantee) -> FileGrant | None:
        """The one for somebody."""
        return await self._session.get(FileGrant, (self._file_id, grantee.kind, grantee.name))

    async def add(self, grant: FileGrant) -> None:
        """Enter one."""
        self._session.add(grant)
        await self._session.flush()
        await self._session.refresh(grant)

    async def remove(self, grantee: Grantee) -> bool:
        """Take the one for somebody away; False when there is none."""
        query = delete(FileGrant).where(
            FileGrant.file_id == self._file_id,
            FileGrant.grantee_kind == grantee.kind,
            FileGrant.grantee == grantee.name,
        )
        return await self._session.scalar(query.returning(FileGrant.file_id)) is not None
