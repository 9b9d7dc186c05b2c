"""Queries on idempotency keys. None commits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.modules.files.models import FileUpload, IdempotencyKey, ObjectState, StoredObject

KEPT = timedelta(hours=24)


@dataclass(frozen=True)
class KeyClaim:
    """A key as a caller gave it, on one route."""

    owner_id: str
    route: str
    key: str


class IdempotencyKeyRepository:
    """Queries within one transaction, whose owner commits."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, claim: KeyClaim) -> IdempotencyKey | None:
        """What is known of a key, unless it belongs to an attempt that died."""
        query = select(IdempotencyKey).where(_is(claim), or_(IdempotencyKey.status_code.is_not(None), _is_alive()))
        return await self._session.scalar(query)

    async def claim(self, claim: KeyClaim, file_id: UUID) -> bool:
        """Tie a key to the file that is being created; False when another attempt has it."""
        values = {"owner_id": claim.owner_id, "route": claim.route, "key": claim.key, "file_id": file_id}
        new = insert(IdempotencyKey).values(**values).on_conflict_do_nothing().returning(IdempotencyKey.file_id)
        if await self._session.scalar(new) is not None:
            return True
        # A statement of its own, which sees what the one that the insert waited for has committed.
        dead = (
            update(IdempotencyKey)
            .where(_is(claim), IdempotencyKey.status_code.is_(None), ~_is_alive())
            .values(file_id=file_id, created_at=func.now())
            .returning(IdempotencyKey.file_id)
        )
        return await self._session.scalar(dead) is not None

    async def finish(self, claim: KeyClaim, *, fingerprint: str, status_code: int) -> None:
        """Say what the attempt came to, and which request it was."""
        values = {"fingerprint": fingerprint, "status_code": status_code}
        await self._session.execute(update(IdempotencyKey).where(_is(claim)).values(**values))

    async def release(self, claim: KeyClaim, file_id: UUID) -> None:
        """Let the next attempt have the key: this one failed."""
        await self._session.execute(delete(IdempotencyKey).where(_is(claim), IdempotencyKey.file_id == file_id))

    async def release_file(self, file_id: UUID) -> None:
        """Let the next attempt have whichever key belongs to a file that failed."""
        await self._session.execute(delete(IdempotencyKey).where(IdempotencyKey.file_id == file_id))

    async def purge(self) -> None:
        """Forget keys that are a day old."""
        await self._session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < func.now() - KEPT))


def _is(claim: KeyClaim) -> ColumnElement[bool]:
    return and_(
        IdempotencyKey.owner_id == claim.owner_id,
        IdempotencyKey.route == claim.route,
        IdempotencyKey.key == claim.key,
    )


def _is_alive() -> ColumnElement[bool]:
    """Whether somebody still writes the file: its lease is renewed as long as that lasts."""
    return exists().where(
        FileUpload.id == IdempotencyKey.file_id,
        StoredObject.file_id == FileUpload.id,
        StoredObject.state == ObjectState.RESERVED,
        StoredObject.lease_expires_at > func.now(),
    )
