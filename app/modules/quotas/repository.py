"""Queries on what owners have and may have. None commits."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.modules.quotas.models import OwnerUsage, UsageChange

COUNTERS = ("bytes", "files", "reserved_bytes", "reserved_files")
OWNERS_AT_ONCE = 100


@dataclass(frozen=True)
class OwnedTotals:
    """What an owner has, and its own limits as they are kept: None leaves one to the settings."""

    bytes: int
    files: int
    reserved_bytes: int
    reserved_files: int
    max_bytes: int | None
    max_files: int | None


class QuotaRepository:
    """Queries within one transaction, whose owner commits."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def totals(self, owner_id: str) -> OwnedTotals:
        """What an owner has at this moment: the sums and what changed since, in one snapshot."""
        changed = select(*(func.sum(getattr(UsageChange, name)).label(name) for name in COUNTERS))
        since = changed.where(UsageChange.owner_id == owner_id).subquery()
        sums = (func.coalesce(getattr(OwnerUsage, name), 0) + func.coalesce(since.c[name], 0) for name in COUNTERS)
        query = select(*sums, OwnerUsage.max_bytes, OwnerUsage.max_files).select_from(
            since.outerjoin(OwnerUsage, OwnerUsage.owner_id == owner_id)
        )
        found = (await self._session.execute(query)).one()
        size_bytes, files, reserved_bytes, reserved_files = map(int, found[: len(COUNTERS)])
        return OwnedTotals(size_bytes, files, reserved_bytes, reserved_files, found.max_bytes, found.max_files)

    async def set_limits(self, owner_id: str, *, max_bytes: int | None, max_files: int | None) -> None:
        """Give an owner limits of its own; None leaves one to the settings."""
        limits = {"max_bytes": max_bytes, "max_files": max_files}
        query = insert(OwnerUsage).values(owner_id=owner_id, **limits)
        await self._session.execute(query.on_conflict_do_update(index_elements=["owner_id"], set_=limits))

    async def drop_limits(self, owner_id: str) -> None:
        """Leave both limits of an owner to the settings."""
        query = update(OwnerUsage).where(OwnerUsage.owner_id == owner_id)
        await self._session.execute(query.values(max_bytes=None, max_files=None))

    async def sum_up(self, *, after: str) -> str | None:
        """Add what changed to the sums, so that few rows have to be read; returns up to which owner, None at the end.

        Owners are taken in one order, so that two who do this never wait for each other in a ring.
        """
        changed = select(UsageChange.owner_id).where(UsageChange.owner_id > after).distinct()
        owners = changed.order_by(UsageChange.owner_id).limit(OWNERS_AT_ONCE).subquery().c.owner_id
        summed_up = (await self._session.execute(select(owners, func.sum_up_usage(owners)))).all()
        return summed_up[-1][0] if len(summed_up) == OWNERS_AT_ONCE else None
