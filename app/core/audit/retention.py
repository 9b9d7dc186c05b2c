"""Removes what the journal needn't keep any longer: the only deletion that its trigger lets pass. Nothing commits."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import Select, Text, cast, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit.context import MAINTENANCE
from app.core.audit.entries import Action, AuditEntry, record

# What the journal's trigger asks for: it lets go of what is older, and of nothing else.
KEPT_FROM = "holdfast.audit_purge_before"


async def count_old_entries(session: AsyncSession, *, days: int) -> int:
    """How many entries are older than so many days."""
    query = select(func.count()).select_from(AuditEntry).where(AuditEntry.at < func.now() - timedelta(days=days))
    return await session.scalar(query) or 0


def old_entries(*, days: int, limit: int) -> Select[UUID]:
    """The ids of some of those, the oldest first, locked; those that another worker has are left to it."""
    query = select(AuditEntry.id).where(AuditEntry.at < func.now() - timedelta(days=days))
    return query.order_by(AuditEntry.at, AuditEntry.id).limit(limit).with_for_update(skip_locked=True)


async def purge_entries(session: AsyncSession, *, days: int, limit: int) -> int:
    """Remove some of those, the oldest first; returns how many. An entry says that it was done."""
    kept_from = func.now() - timedelta(days=days)
    for_this_transaction = True
    await session.execute(select(func.set_config(KEPT_FROM, cast(kept_from, Text), for_this_transaction)))
    chosen = AuditEntry.id.in_(old_entries(days=days, limit=limit).scalar_subquery())
    gone = (await session.scalars(delete(AuditEntry).where(chosen).returning(AuditEntry.id))).all()
    if gone:
        record(session, MAINTENANCE, Action.JOURNAL_PURGE, details={"count": len(gone), "days": days})
    return len(gone)
