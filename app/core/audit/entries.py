"""One table that is only ever added to: a trigger refuses every update, and deletions but for the retention's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypedDict, Unpack
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.audit.context import Actor
from app.core.clock import new_id
from app.core.database import Base

NEWEST_FIRST = (text("at DESC"), text("id DESC"))


class Action(StrEnum):
    """What can be done. A new one is a line here, and none in the database."""

    UPLOAD = "file.upload"
    CREATE_UPLOAD = "file.create_upload"
    COMPLETE = "file.complete"
    ABORT = "file.abort"
    REJECT = "file.reject"
    UPDATE = "file.update"
    REPLACE = "file.replace"
    COPY = "file.copy"
    DELETE = "file.delete"
    RESTORE = "file.restore"
    HARD_DELETE = "file.hard_delete"
    EXPIRE = "file.expire"
    PURGE = "file.purge"
    LOST = "file.lost"
    DAMAGED = "file.damaged"
    RECOVER = "file.recover"

    GRANT_PUT = "grant.put"
    GRANT_DELETE = "grant.delete"

    QUOTA_OVERRIDE = "quota.override"

    KEY_CREATE = "key.create"
    KEY_REVOKE = "key.revoke"

    JOURNAL_PURGE = "audit.purge"


class Result(StrEnum):
    """How it ended."""

    OK = "ok"
    REJECTED = "rejected"  # begun, and not carried out; `details.code` says why
    DENIED = "denied"  # the caller sees it, but may not do that


class AuditEntry(Base):
    """One thing that was done, or tried."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        CheckConstraint("actor_kind IN ('user', 'api_key', 'system')", name="actor_kind"),
        CheckConstraint("result IN ('ok', 'rejected', 'denied')", name="result"),
        # Each filter in the order of the pages.
        Index("ix_audit_entries_at", *NEWEST_FIRST),
        Index("ix_audit_entries_actor", "actor", *NEWEST_FIRST),
        Index("ix_audit_entries_action", "action", *NEWEST_FIRST),
        Index("ix_audit_entries_file_id", "file_id", *NEWEST_FIRST),
        Index("ix_audit_entries_owner_id", "owner_id", *NEWEST_FIRST),
        Index("ix_audit_entries_result", "result", *NEWEST_FIRST),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # When its transaction began.
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    actor_kind: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    api_key_id: Mapped[UUID | None]
    address: Mapped[str | None] = mapped_column(Text)
    request_id: Mapped[str | None] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    # No foreign keys: the journal outlives what it speaks of.
    file_id: Mapped[UUID | None]
    owner_id: Mapped[str | None] = mapped_column(Text)
    result: Mapped[str] = mapped_column(Text)
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))


class About(TypedDict, total=False):
    """What an entry says besides who did what.

    Attributes:
        file_id: to which file.
        owner_id: whose it is, before the change.
        result: how it ended; well, unless said.
        details: a few plain values, such as names of fields and sizes in bytes. Never what users wrote, nor a
            secret, URL, key or bucket: all of that may have to be forgotten, and the journal doesn't forget.
    """

    file_id: UUID | None
    owner_id: str | None
    result: Result
    details: Mapping[str, Any] | None


def entry_of(actor: Actor, action: Action, **about: Unpack[About]) -> AuditEntry:
    """An entry that is still to be written, for those who write it in a statement of their own."""
    return AuditEntry(
        id=new_id(),
        actor_kind=actor.kind,
        actor=actor.name,
        api_key_id=actor.api_key_id,
        address=actor.address,
        request_id=actor.request_id,
        action=action,
        file_id=about.get("file_id"),
        owner_id=about.get("owner_id"),
        result=about.get("result", Result.OK),
        details=dict(about.get("details") or {}),
    )


def record(session: AsyncSession, actor: Actor, action: Action, **about: Unpack[About]) -> None:
    """Write an entry in the caller's transaction: both are committed or neither is."""
    session.add(entry_of(actor, action, **about))
