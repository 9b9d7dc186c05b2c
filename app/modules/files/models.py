"""The tables: `FileUpload` is what users see, `StoredObject` what the bucket holds, `FileGrant` who else sees a file.

A bucket is compared with `StoredObject` and nothing else: every object has its row before
it exists, and keeps it until it is gone.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, MappedColumn, mapped_column, relationship
from sqlalchemy.types import TypeEngine

from app.core.database import Base


class FileStatus(StrEnum):
    """The life of a file as its owner sees it."""

    PENDING = "pending"
    VERIFYING = "verifying"
    SCANNING = "scanning"
    AVAILABLE = "available"
    REJECTED = "rejected"
    DELETED = "deleted"


class ObjectState(StrEnum):
    """The life of an object in the bucket. A removed one keeps its row: its key is never used again."""

    RESERVED = "reserved"
    STORED = "stored"
    REMOVING = "removing"
    REMOVED = "removed"
    LOST = "lost"  # was stored; the bucket doesn't have it any more, and nobody here removed it


class ObjectRole(StrEnum):
    """What an object is for."""

    STAGING = "staging"
    CONTENT = "content"
    QUARANTINE = "quarantine"  # nobody knew it; moved aside from `original_key` until it's removed or restored
    FOREIGN = "foreign"  # somebody else's, and known to be: left alone


class GranteeKind(StrEnum):
    """Whom a grant is for: one caller by its `sub`, or all whose token names a group."""

    USER = "user"
    GROUP = "group"


class GrantAccess(StrEnum):
    """What a grant lets do; writing includes reading."""

    READ = "read"
    WRITE = "write"


class ChecksumKind(StrEnum):
    """Who computed an object's SHA-256."""

    STREAMED = "streamed"  # we did, while the bytes passed
    STORE = "store"  # the store checked the one that the client had signed
    READ = "read"  # we did, reading the stored object back
    COPIED = "copied"  # taken over from the source of a server-side copy


def _one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    words = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({words})", name=column)


Moment = DateTime(timezone=True)
# Bytes decide the order: no locale, and no update of one, can change it under an index or a cursor.
Bytewise = Text(collation="C")


def _derived(type_: TypeEngine[Any], expression: str) -> MappedColumn[Any]:
    """A column that the database computes from others of the row, for listings alone; no record loads it."""
    return mapped_column(type_, Computed(expression, persisted=True), deferred=True, deferred_raiseload=True)


NEWEST_FIRST = (text("created_at DESC"), text("id DESC"))


class StoredObject(Base):
    """One object of the bucket: reserved before it is written, kept in the ledger until it is gone."""

    __tablename__ = "stored_objects"
    __table_args__ = (
        _one_of("role", ObjectRole),
        _one_of("state", ObjectState),
        _one_of("sha256_kind", ChecksumKind),
        Index("ix_stored_objects_reserved", "lease_expires_at", postgresql_where=text("state = 'reserved'")),
        Index("ix_stored_objects_kept", "key", postgresql_where=text("state <> 'removed'")),
        Index(
            "ix_stored_objects_scrub",
            text("coalesce(scrubbed_at, created_at)"),
            "id",
            postgresql_where=text("state = 'stored' AND role = 'content'"),
        ),
        Index("ix_stored_objects_quarantine", "created_at", postgresql_where=text("role = 'quarantine'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # Sorted by its bytes, as stores list their keys, whatever the database's own order is.
    key: Mapped[str] = mapped_column(Text(collation="C"), unique=True)
    # No foreign key: the ledger outlives the file.
    file_id: Mapped[UUID] = mapped_column(index=True)
    role: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    upload_id: Mapped[str | None] = mapped_column(Text)
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    etag: Mapped[str | None] = mapped_column(Text)
    version_id: Mapped[str | None] = mapped_column(Text)
    sha256: Mapped[str | None] = mapped_column(Text)
    sha256_kind: Mapped[str | None] = mapped_column(Text)
    storage_class: Mapped[str] = mapped_column(Text, server_default="STANDARD")
    # Who writes the object now, and until when nobody else may.
    lease_token: Mapped[UUID | None]
    lease_expires_at: Mapped[datetime | None] = mapped_column(Moment)
    url_expires_at: Mapped[datetime | None] = mapped_column(Moment)
    # What it takes of whose quota for as long as it is reserved; the database's triggers count it.
    held_for: Mapped[str | None] = mapped_column(Text)
    held_bytes: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    held_files: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    scrubbed_at: Mapped[datetime | None] = mapped_column(Moment)
    original_key: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=text("now()"))
    updated_at: Mapped[datetime] = mapped_column(Moment, server_default=text("now()"))


class FileUpload(Base):
    """One file as its owner sees it."""

    __tablename__ = "file_uploads"
    __table_args__ = (
        _one_of("status", FileStatus),
        CheckConstraint("file_size >= 0", name="file_size"),
        # Each sort in its order, for one owner and for all.
        Index("ix_file_uploads_listing", "owner_id", "status", *NEWEST_FIRST),
        Index("ix_file_uploads_listing_name", "owner_id", "status", "name_key", "id"),
        Index("ix_file_uploads_listing_size", "owner_id", "status", "size_key", "id"),
        Index("ix_file_uploads_all", "status", *NEWEST_FIRST),
        Index("ix_file_uploads_all_name", "status", "name_key", "id"),
        Index("ix_file_uploads_all_size", "status", "size_key", "id"),
        # With what the sums of a folder are made of, so that they are read from the index alone.
        Index(
            "ix_file_uploads_folder",
            "owner_id",
            "status",
            "folder_path",
            *NEWEST_FIRST,
            postgresql_include=["file_size", "expires_at"],
        ),
        Index(
            "ix_file_uploads_all_folder",
            "status",
            "folder_path",
            *NEWEST_FIRST,
            postgresql_include=["file_size", "expires_at"],
        ),
        # The filter first: found by it, few are left to sort, whoever asks.
        Index(
            "ix_file_uploads_content_type",
            "content_type",
            "owner_id",
            *NEWEST_FIRST,
            postgresql_ops={"content_type": "text_pattern_ops"},
        ),
        Index("ix_file_uploads_public", "is_public", "owner_id", *NEWEST_FIRST),
        Index(
            "ix_file_uploads_metadata",
            "metadata",
            postgresql_using="gin",
            postgresql_ops={"metadata": "jsonb_path_ops"},
        ),
        Index("ix_file_uploads_expires", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
        Index("ix_file_uploads_deleted", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[str] = mapped_column(Text)
    filename: Mapped[str] = mapped_column(Text)
    folder: Mapped[str] = mapped_column(Text, server_default="")
    content_type: Mapped[str] = mapped_column(Text)
    file_size: Mapped[int | None] = mapped_column(BigInteger)
    description: Mapped[str | None] = mapped_column(Text)
    is_public: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    # "metadata" is taken by SQLAlchemy's own class attribute.
    attributes: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB, server_default=text("'{}'"))
    status: Mapped[str] = mapped_column(Text)
    rejection_code: Mapped[str | None] = mapped_column(Text)
    rejection_detail: Mapped[str | None] = mapped_column(Text)
    storage_class: Mapped[str] = mapped_column(Text, server_default="STANDARD")
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    current_object_id: Mapped[UUID | None] = mapped_column(ForeignKey("stored_objects.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=text("now()"))
    updated_at: Mapped[datetime] = mapped_column(Moment, server_default=text("now()"))
    deleted_at: Mapped[datetime | None] = mapped_column(Moment)
    expires_at: Mapped[datetime | None] = mapped_column(Moment)

    # Segments each end in U+0001, which sorts before all that a name is made of: a folder and all below it are
    # one range, and "docs" stands before "docs 2". See `path_of`.
    folder_path: Mapped[str] = _derived(
        Bytewise, r"CASE WHEN folder = '' THEN '' ELSE replace(folder, '/', E'\x01') || E'\x01' END"
    )
    name_key: Mapped[str] = _derived(Bytewise, "lower(filename)")
    # A size that isn't known yet is below all others.
    size_key: Mapped[int] = _derived(BigInteger(), "coalesce(file_size, -1)")
    # Up and down again: letters that share a capital, such as the two small sigmas, become one.
    search_text: Mapped[str] = _derived(Text(), r"lower(upper(filename || E'\n' || coalesce(description, '')))")

    # Never loaded in silence: a lazy load would need a connection that nobody holds any more.
    current_object: Mapped[StoredObject | None] = relationship(lazy="raise")

    # No column: what the query that found the file says of its caller, that a grant opens the file to it.
    is_granted = False


class FileGrant(Base):
    """One file opened to somebody who doesn't own it. What it's worth, `visibility` decides."""

    __tablename__ = "file_grants"
    __table_args__ = (
        _one_of("grantee_kind", GranteeKind),
        _one_of("access", GrantAccess),
        Index("ix_file_grants_grantee", "grantee_kind", "grantee", "file_id"),
    )

    # A file that is removed for good takes its grants along.
    file_id: Mapped[UUID] = mapped_column(ForeignKey("file_uploads.id", ondelete="CASCADE"), primary_key=True)
    grantee_kind: Mapped[str] = mapped_column(Text, primary_key=True)
    grantee: Mapped[str] = mapped_column(Bytewise, primary_key=True)
    access: Mapped[str] = mapped_column(Text)
    # Who gave the access that it gives now.
    granted_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=text("now()"))


class IdempotencyKey(Base):
    """A creating request that may come again: which file it made, and what it was made of."""

    __tablename__ = "idempotency_keys"

    owner_id: Mapped[str] = mapped_column(Text, primary_key=True)
    route: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    # No foreign key: that the file was deleted since doesn't make it another request.
    file_id: Mapped[UUID]
    # Both are known once the request has succeeded; before, somebody is at it or has died.
    fingerprint: Mapped[str | None] = mapped_column(Text)
    status_code: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=text("now()"), index=True)
