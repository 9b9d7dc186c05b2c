"""Queries on many files at once: a few statements, however many there are. None commits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Text, Uuid, any_, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, joinedload
from sqlalchemy.orm.attributes import set_committed_value

from app.modules.auth.principal import Principal
from app.modules.files.models import FileUpload, IdempotencyKey
from app.modules.files.visibility import entrusted_to, granted_to, readable_by


class BatchRepository:
    """Queries within one transaction, whose owner commits.

    Args:
        session: an open one.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def locked(
        self, principal: Principal, file_ids: Sequence[UUID], condition: ColumnElement[bool]
    ) -> dict[UUID, FileUpload]:
        """Those of some files that meet the condition, with their objects, locked.

        The locks are taken in the order of the ids, so that two batches never wait for each other in a ring.
        """
        these = (_is_one_of(FileUpload.id, file_ids), condition)
        # First the locks alone: what a statement that waits for them reads of other tables, of grants and objects,
        # is as it was before the wait.
        locking = select(FileUpload.id).where(*these).order_by(FileUpload.id).with_for_update()
        locked = (await self._session.scalars(locking)).all()
        return await self._found(principal, locked, condition) if locked else {}

    async def entrusted(self, principal: Principal, file_ids: Sequence[UUID]) -> dict[UUID, FileUpload]:
        """Those of some files that the caller owns or was granted, with their objects."""
        return await self._found(principal, file_ids, entrusted_to(principal))

    async def _found(
        self, principal: Principal, file_ids: Sequence[UUID], condition: ColumnElement[bool]
    ) -> dict[UUID, FileUpload]:
        query = select(FileUpload, granted_to(principal)).where(_is_one_of(FileUpload.id, file_ids), condition)
        files: dict[UUID, FileUpload] = {}
        for file, is_granted in await self._session.execute(query.options(joinedload(FileUpload.current_object))):
            file.is_granted = bool(is_granted)
            files[file.id] = file
        return files

    async def owners_of_seen(self, principal: Principal, file_ids: Sequence[UUID]) -> dict[UUID, str]:
        """The owners of those of some files that the caller may look at."""
        query = select(FileUpload.id, FileUpload.owner_id).where(
            _is_one_of(FileUpload.id, file_ids), readable_by(principal)
        )
        return {row.id: row.owner_id for row in await self._session.execute(query)}

    async def change(
        self, files: Iterable[FileUpload], values: Mapping[str, str | datetime | None], now: datetime
    ) -> None:
        """Give the same values to files that are locked, and count one change of each."""
        changed = {file.id: file for file in files}
        query = (
            update(FileUpload)
            .where(_is_one_of(FileUpload.id, list(changed)))
            .values(version=FileUpload.version + 1, updated_at=now, **values)
            .execution_options(synchronize_session=False)
        )
        await self._session.execute(query)
        for file in changed.values():
            for name, value in (*values.items(), ("version", file.version + 1), ("updated_at", now)):
                set_committed_value(file, name, value)

    async def known_routes(self, owner_id: str, key: str, routes: Sequence[str]) -> set[str]:
        """Those of some routes on which a caller has used this idempotency key already."""
        query = select(IdempotencyKey.route).where(
            IdempotencyKey.owner_id == owner_id,
            IdempotencyKey.key == key,
            IdempotencyKey.route == any_(literal(list(routes), ARRAY(Text))),
        )
        return set(await self._session.scalars(query))


def _is_one_of(column: InstrumentedAttribute[UUID], ids: Sequence[UUID]) -> ColumnElement[bool]:
    # One array is one parameter: the statement is the same for any number of ids, and prepared once.
    return column == any_(literal(list(ids), ARRAY(Uuid)))
