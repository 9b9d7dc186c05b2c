"""One table: what is still to be done, for whom, and since when it fails."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import WRITTEN_TO_OUTBOX, Base

Moment = DateTime(timezone=True)


class OutboxEntry(Base):
    """One thing to be done once its time has come; the row goes when it is done."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_due_at", "due_at", "id"), Index("ix_outbox_subject", "subject", "id"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    topic: Mapped[str] = mapped_column(Text)
    # Entries of one subject are carried out in the order in which they were written.
    subject: Mapped[UUID]
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    # While somebody is at it: until when nobody else may.
    due_at: Mapped[datetime] = mapped_column(Moment, server_default=text("now()"))
    # Above zero from the first claim on.
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    claim_token: Mapped[UUID | None]
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=text("now()"))


def enqueue(session: AsyncSession, entries: Sequence[OutboxEntry]) -> None:
    """Write entries in the caller's transaction; after its commit the worker of this process looks at once."""
    if entries:
        session.add_all(entries)
        session.info[WRITTEN_TO_OUTBOX] = True
