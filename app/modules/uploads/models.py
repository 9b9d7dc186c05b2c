"""One table: what a client declared when it began, and what it was told."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, DateTime, ForeignKey, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base

Moment = DateTime(timezone=True)


class UploadMethod(StrEnum):
    """How the bytes get to the store."""

    PUT = "put"
    POST = "post"
    MULTIPART = "multipart"


class UploadSession(Base):
    """A direct upload; its id is the file's. The row goes when the upload ends, whichever way."""

    __tablename__ = "upload_sessions"
    __table_args__ = (CheckConstraint("method IN ('put', 'post', 'multipart')", name="method"),)

    file_id: Mapped[UUID] = mapped_column(ForeignKey("file_uploads.id", ondelete="CASCADE"), primary_key=True)
    # Where the client's bytes go: the file's object, or one for staging that is copied from.
    object_id: Mapped[UUID] = mapped_column(ForeignKey("stored_objects.id"), index=True)
    method: Mapped[str] = mapped_column(Text)
    declared_bytes: Mapped[int] = mapped_column(BigInteger)
    declared_sha256: Mapped[str | None] = mapped_column(Text)
    part_bytes: Mapped[int | None] = mapped_column(BigInteger)
    # Whether every part comes with its SHA-256: a store may have to know that when the upload begins.
    has_part_checksums: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    url_ttl_seconds: Mapped[int]
    # The API key that began it. Keys are forgotten some day, and a key that isn't known has ended.
    key_id: Mapped[UUID | None]
    # No URL outlives it.
    expires_at: Mapped[datetime] = mapped_column(Moment)
    tried_at: Mapped[datetime | None] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=text("now()"))
