"""The outbox's queries. None commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.core.outbox.entries import OutboxEntry

# So often a passing fault may hit; what fails more often needs a person.
FAILING_FROM_ATTEMPT = 5


@dataclass(frozen=True)
class OutboxState:
    """How far the outbox is behind.

    Args:
        due: entries whose time has come, claimed ones not counted.
        failing: entries that went wrong at least five times.
        oldest_due_at: since when the first of those that are due waits.
    """

    due: int
    failing: int
    oldest_due_at: datetime | None


class OutboxRepository:
    """Queries within one transaction, whose owner commits."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def claim(self, token: UUID, *, lease_seconds: float, limit: int) -> Sequence[OutboxEntry]:
        """Take up entries whose turn it is; no two callers get the same one.

        An entry waits for earlier ones of its subject that are due, being carried out or failing;
        not for such as are meant for later.
        """
        earlier = aliased(OutboxEntry)
        is_first = ~exists().where(
            earlier.subject == OutboxEntry.subject,
            earlier.id < OutboxEntry.id,
            or_(earlier.due_at <= func.now(), earlier.attempts > 0),
        )
        chosen = (
            select(OutboxEntry.id)
            .where(OutboxEntry.due_at <= func.now(), is_first)
            .order_by(OutboxEntry.due_at, OutboxEntry.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        query = (
            update(OutboxEntry)
            .where(OutboxEntry.id.in_(chosen.scalar_subquery()))
            .values(
                claim_token=token,
                attempts=OutboxEntry.attempts + 1,
                due_at=func.now() + timedelta(seconds=lease_seconds),
            )
            .returning(OutboxEntry)
        )
        return (await self._session.scalars(query)).all()

    async def renew(self, entry: OutboxEntry, *, lease_seconds: float) -> None:
        """A sign of life of whoever carries an entry out."""
        due_at = func.now() + timedelta(seconds=lease_seconds)
        await self._session.execute(update(OutboxEntry).where(_held(entry)).values(due_at=due_at))

    async def finish(self, entry: OutboxEntry) -> None:
        """It's done."""
        await self._session.execute(delete(OutboxEntry).where(_held(entry)))

    async def postpone(self, entry: OutboxEntry, error: str, *, pause_seconds: float) -> None:
        """It went wrong; somebody tries again after a pause."""
        due_at = func.now() + timedelta(seconds=pause_seconds)
        again = update(OutboxEntry).where(_held(entry)).values(due_at=due_at, claim_token=None, last_error=error)
        await self._session.execute(again)

    async def state(self) -> OutboxState:
        """How far behind it is."""
        is_due = OutboxEntry.due_at <= func.now()
        query = select(
            func.count().filter(is_due),
            func.count().filter(OutboxEntry.attempts >= FAILING_FROM_ATTEMPT),
            func.min(OutboxEntry.due_at).filter(is_due),
        )
        due, failing, oldest = (await self._session.execute(query)).one()
        return OutboxState(due, failing, oldest)


def _held(entry: OutboxEntry) -> ColumnElement[bool]:
    return and_(OutboxEntry.id == entry.id, OutboxEntry.claim_token == entry.claim_token)
