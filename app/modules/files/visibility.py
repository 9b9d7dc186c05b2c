"""Who sees which file, and which status a file counts as: the conditions of every query, decided in one place."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, func, or_, true

from app.modules.auth.principal import Principal
from app.modules.files.models import FileStatus, FileUpload


def ways_to_have(status: FileStatus) -> list[ColumnElement[bool]]:
    """The conditions of which a file of this status meets exactly one.

    A file whose time has come counts as soft-deleted in every query, before any job has run. Kept
    apart, each of the two ways to be deleted has an index; joined by OR they would have none.
    """
    has_expired = and_(FileUpload.expires_at.is_not(None), FileUpload.expires_at <= func.now())
    if status is FileStatus.DELETED:
        return [
            FileUpload.status == FileStatus.DELETED,
            and_(FileUpload.status == FileStatus.AVAILABLE, has_expired),
        ]
    if status is FileStatus.AVAILABLE:
        is_in_time = or_(FileUpload.expires_at.is_(None), FileUpload.expires_at > func.now())
        return [and_(FileUpload.status == FileStatus.AVAILABLE, is_in_time)]
    return [FileUpload.status == status]


def has_status(status: FileStatus) -> ColumnElement[bool]:
    """A file counts as `status` now."""
    return or_(*ways_to_have(status))


def owned_by(principal: Principal) -> ColumnElement[bool]:
    """A file that the caller may change: its own, or for an admin any."""
    return true() if principal.is_admin else FileUpload.owner_id == principal.subject


def readable_by(principal: Principal) -> ColumnElement[bool]:
    """A file that the caller may look at: one it may change, or a public one."""
    public = and_(FileUpload.is_public, has_status(FileStatus.AVAILABLE))
    return public if principal.subject is None else or_(owned_by(principal), public)


def listed_for(principal: Principal, owner_id: str | None) -> ColumnElement[bool]:
    """A file that belongs in the caller's listings: its own; for an admin everybody's, or one owner's."""
    mine = owned_by(principal)
    return mine if owner_id is None else and_(mine, FileUpload.owner_id == owner_id)
