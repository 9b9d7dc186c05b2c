"""Queries on jobs: who holds one, how far it came. None commits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.modules.maintenance.models import MaintenanceJob


@dataclass(frozen=True)
class Held:
    """A job that is ours for the length of a lease, and where the one before us broke off."""

    job: str
    holder: UUID
    cursor: dict[str, Any] | None


class JobRepository:
    """Queries within one transaction, whose owner commits."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def take(
        self, job: str, holder: UUID, *, lease_seconds: float, rest_seconds: float | None = None
    ) -> Held | None:
        """Take a job that nobody holds; None while somebody does.

        With `rest_seconds` only if it rested that long since its last end; one never seen before begins with a rest.
        """
        new = insert(MaintenanceJob).values(job=job, finished_at=func.now()).on_conflict_do_nothing()
        await self._session.execute(new)
        is_free = or_(MaintenanceJob.holder.is_(None), MaintenanceJob.lease_expires_at < func.now())
        query = update(MaintenanceJob).where(MaintenanceJob.job == job, is_free)
        if rest_seconds is not None:
            query = query.where(MaintenanceJob.finished_at <= func.now() - timedelta(seconds=rest_seconds))
        values = {"holder": holder, "lease_expires_at": func.now() + timedelta(seconds=lease_seconds)}
        row = (await self._session.execute(query.values(**values).returning(MaintenanceJob.cursor))).one_or_none()
        return None if row is None else Held(job, holder, row[0])

    async def renew(self, held: Held, lease_seconds: float) -> bool:
        """Push the end of the lease; False when somebody else has it by now."""
        return await self._change(held, lease_expires_at=func.now() + timedelta(seconds=lease_seconds))

    async def save(self, held: Held, cursor: dict[str, Any] | None) -> bool:
        """Write down how far it came; False when it isn't ours any more."""
        return await self._change(held, cursor=cursor)

    async def finish(self, held: Held, report: dict[str, Any] | None) -> None:
        """Give it back."""
        await self._change(held, holder=None, lease_expires_at=None, last_report=report, finished_at=func.now())

    async def release(self, held: Held) -> None:
        """Give it back unfinished: whoever takes it next goes on."""
        await self._change(held, holder=None, lease_expires_at=None)

    async def _change(self, held: Held, **values: object) -> bool:
        query = (
            update(MaintenanceJob)
            .where(MaintenanceJob.job == held.job, MaintenanceJob.holder == held.holder)
            .values(**values)
            .returning(MaintenanceJob.job)
        )
        return await self._session.scalar(query) is not None
