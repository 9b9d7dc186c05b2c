"""One table: API keys. It holds nothing that a caller could show as a key."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base

Moment = DateTime(timezone=True)


class ApiKey(Base):
    """A key of one owner's. Revoked or expired, it stays for `API_KEY_CLEANUP_DAYS`."""

    __tablename__ = "api_keys"
    __table_args__ = (Index("ix_api_keys_owner_id", "owner_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # What a request finds it by, and what people tell it by.
    prefix: Mapped[str] = mapped_column(Text, unique=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    owner_id: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=text("now()"))
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)
    # At most once a minute.
    last_used_at: Mapped[datetime | None] = mapped_column(Moment)
