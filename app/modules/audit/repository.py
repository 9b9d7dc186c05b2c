"""The journal's pages: by keyset, newest first, each filter by an index of its own. Nothing is written here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import Action, AuditEntry, Result
from app.core.pagination import PLAN_FOR_PAGES

Position = tuple[datetime, UUID]


@dataclass(frozen=True)
class AuditFilter:
    """Which entries a page holds; None leaves a thing open.

    Args:
        actor: who did it: a caller's subject or a part of the service, verbatim.
        owner_id: whose file or key it was.
        created_after: at this time or later.
        created_before: earlier than this.
    """

    actor: str | None = None
    action: Action | None = None
    file_id: UUID | None = None
    owner_id: str | None = None
    result: Result | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


def page_statement(criteria: AuditFilter, *, after: Position | None, limit: int) -> Select[Any]:
    """Up to `limit` entries behind the position `after`."""
    query = select(AuditEntry)
    for name in ("actor", "action", "file_id", "owner_id", "result"):
        wanted = getattr(criteria, name)
        if wanted is not None:
            query = query.where(getattr(AuditEntry, name) == wanted)
    if criteria.created_after is not None:
        query = query.where(AuditEntry.at >= criteria.created_after)
    if criteria.created_before is not None:
        query = query.where(AuditEntry.at < criteria.created_before)
    if after is not None:
        position = tuple_(literal(after[0], AuditEntry.at.type), literal(after[1], AuditEntry.id.type))
        query = query.where(tuple_(AuditEntry.at, AuditEntry.id) < position)
    return query.order_by(AuditEntry.at.desc(), AuditEntry.id.desc()).limit(limit)


class AuditRepository:
    """Queries within one transaction. All that is in the journal may be seen by whoever may read it."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def page(self, criteria: AuditFilter, *, after: Position | None, limit: int) -> Sequence[AuditEntry]:
        """Entries behind the position `after`, newest first."""
        await self._session.execute(PLAN_FOR_PAGES)
        return (await self._session.scalars(page_statement(criteria, after=after, limit=limit))).all()
