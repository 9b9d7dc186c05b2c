"""Queries on API keys. None commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.modules.auth.models import ApiKey
from app.modules.auth.principal import Principal

USE_NOTED_SECONDS = 60.0
# The first half of an advisory lock's name; the second is the owner's.
OWNERS_KEYS_LOCK = 0x6B657973


class FoundKey(NamedTuple):
    """A key by its prefix, whether it's shown rightly or not."""

    key: ApiKey
    is_live: bool
    is_use_due: bool


class Revoked(NamedTuple):
    """A key that has ended, by this transaction or an earlier one."""

    owner_id: str
    is_new: bool


class ApiKeyRepository:
    """Queries within one transaction, whose owner commits."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, key: ApiKey) -> None:
        """Enter a key."""
        self._session.add(key)
        await self._session.flush()
        await self._session.refresh(key)

    async def count_live(self, owner_id: str) -> int:
        """How many keys of an owner's are in use; until the transaction ends nobody else enters one for it."""
        lock = func.pg_advisory_xact_lock(OWNERS_KEYS_LOCK, func.hashtext(owner_id))
        await self._session.execute(select(lock))
        query = select(func.count()).select_from(ApiKey).where(ApiKey.owner_id == owner_id, _is_live())
        return await self._session.scalar(query) or 0

    async def by_prefix(self, prefix: str) -> FoundKey | None:
        """The key of this prefix, in one read by its unique index."""
        query = select(ApiKey, _is_live(), _is_use_due()).where(ApiKey.prefix == prefix)
        row = (await self._session.execute(query)).one_or_none()
        return None if row is None else FoundKey(row[0], row[1], row[2])

    async def is_live(self, key_id: UUID) -> bool:
        """Whether a key is in use: known, not revoked and not expired."""
        query = select(ApiKey.id).where(ApiKey.id == key_id, _is_live())
        return await self._session.scalar(query) is not None

    async def note_use(self, key_id: UUID) -> None:
        """Write down that it was used just now, unless somebody has done so within the last minute."""
        query = update(ApiKey).where(ApiKey.id == key_id, _is_use_due()).values(last_used_at=func.now())
        await self._session.execute(query)

    async def page(
        self, principal: Principal, owner_id: str | None, *, after: UUID | None, limit: int
    ) -> Sequence[ApiKey]:
        """Keys that the caller may see, newest first."""
        query = select(ApiKey).where(_managed_by(principal)).order_by(ApiKey.id.desc()).limit(limit)
        if owner_id is not None:
            query = query.where(ApiKey.owner_id == owner_id)
        if after is not None:
            query = query.where(ApiKey.id < after)
        return (await self._session.scalars(query)).all()

    async def revoke(self, principal: Principal, key_id: UUID) -> Revoked | None:
        """End a key that the caller may end, now; once or often. None when there is none."""
        query = (
            update(ApiKey)
            .where(ApiKey.id == key_id, _managed_by(principal))
            .values(revoked_at=func.coalesce(ApiKey.revoked_at, func.now()))
            .returning(ApiKey.owner_id, ApiKey.revoked_at == func.now())
        )
        row = (await self._session.execute(query)).one_or_none()
        return None if row is None else Revoked(row[0], row[1])

    async def purge(self, *, days: int, limit: int) -> Sequence[UUID]:
        """Forget keys that ended so long ago; no two callers get the same one."""
        chosen = select(ApiKey.id).where(_ended(days)).limit(limit).with_for_update(skip_locked=True)
        query = delete(ApiKey).where(ApiKey.id.in_(chosen.scalar_subquery())).returning(ApiKey.id)
        return (await self._session.scalars(query)).all()

    async def count_purgeable(self, days: int) -> int:
        """How many keys that would be."""
        return await self._session.scalar(select(func.count()).select_from(ApiKey).where(_ended(days))) or 0


def _managed_by(principal: Principal) -> ColumnElement[bool]:
    """Its own; for an admin everybody's."""
    return ApiKey.id.is_not(None) if principal.is_admin else ApiKey.owner_id == principal.subject


def _is_live() -> ColumnElement[bool]:
    in_time = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now())
    return and_(ApiKey.revoked_at.is_(None), in_time)


def _ended(days: int) -> ColumnElement[bool]:
    """Revoked or expired so long ago, whichever came first; `least` passes over what is null."""
    return func.least(ApiKey.revoked_at, ApiKey.expires_at) <= func.now() - timedelta(days=days)


def _is_use_due() -> ColumnElement[bool]:
    last = func.now() - timedelta(seconds=USE_NOTED_SECONDS)
    return or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < last)
