"""One table: which job runs where, how far it came, what it found last."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base

Moment = DateTime(timezone=True)


class MaintenanceJob(Base):
    """A job that only one process does at a time. The lock is a lease, which poolers between can't lose."""

    __tablename__ = "maintenance_jobs"

    job: Mapped[str] = mapped_column(Text, primary_key=True)
    holder: Mapped[UUID | None]
    lease_expires_at: Mapped[datetime | None] = mapped_column(Moment)
    # How far it came; none when it is to begin anew.
    cursor: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    last_report: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
