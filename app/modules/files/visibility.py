"""Who sees which file, and which status a file counts as: the conditions of every query, decided in one place."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Text, Uuid, and_, any_, exists, false, func, literal, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY

from app.modules.auth.principal import Principal
from app.modules.files.models import FileGrant, FileStatus, FileUpload, GrantAccess, GranteeKind


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


# Built once, as they are the same for all callers; PostgreSQL takes less time to answer than such things to build.
IS_AVAILABLE = has_status(FileStatus.AVAILABLE)
IS_PUBLIC = and_(FileUpload.is_public, IS_AVAILABLE)
IS_FOR_USER = FileGrant.grantee_kind == GranteeKind.USER
IS_FOR_GROUP = FileGrant.grantee_kind == GranteeKind.GROUP
IS_FOR_WRITING = FileGrant.access == GrantAccess.WRITE
IS_GRANTED = exists().where(FileGrant.file_id == FileUpload.id)


def owned_by(principal: Principal) -> ColumnElement[bool]:
    """A file that the caller may do everything with: its own, or for an admin any."""
    return true() if principal.is_admin else FileUpload.owner_id == principal.subject


def is_owned_by(principal: Principal, file: FileUpload) -> bool:
    """The same of a file that was found already."""
    return principal.is_admin or file.owner_id == principal.subject


def granted_to(principal: Principal, access: GrantAccess = GrantAccess.READ) -> ColumnElement[bool]:
    """Somebody else's available file that a grant opens to the caller or one of its groups, for `access` at least."""
    if principal.subject is None:
        return false()
    found = IS_GRANTED.where(_is_for(principal))
    if access is GrantAccess.WRITE:
        found = found.where(IS_FOR_WRITING)
    return and_(FileUpload.owner_id != principal.subject, IS_AVAILABLE, found)


def shared_with(principal: Principal) -> ColumnElement[bool]:
    """The same as `granted_to`, asked from the other end: for listings, which look for many files.

    PostgreSQL expects little of an array and begins with it. A join it would gladly turn round: to read everybody's
    files in the order of the page until enough of them are the caller's, which may be the last ones.
    """
    file_ids = select(FileGrant.file_id).where(_is_for(principal)).scalar_subquery()
    found = FileUpload.id == any_(func.array(file_ids, type_=ARRAY(Uuid)))
    return and_(FileUpload.owner_id != principal.subject, IS_AVAILABLE, found)


def _is_for(principal: Principal) -> ColumnElement[bool]:
    """A grant to the caller or to one of its groups."""
    # One array is one parameter, however many groups there are: one statement for all callers.
    groups = literal(sorted(principal.groups), ARRAY(Text))
    by_name = and_(IS_FOR_USER, FileGrant.grantee == principal.subject)
    return or_(by_name, and_(IS_FOR_GROUP, FileGrant.grantee == any_(groups)))


def changeable_by(principal: Principal) -> ColumnElement[bool]:
    """A file whose name, folder, notes and bytes the caller may change: its own, or one granted for writing."""
    return or_(owned_by(principal), granted_to(principal, GrantAccess.WRITE))


def entrusted_to(principal: Principal) -> ColumnElement[bool]:
    """A file that the caller may know all about and copy: its own, or one granted to it."""
    return or_(owned_by(principal), granted_to(principal))


def is_entrusted_to(principal: Principal, file: FileUpload) -> bool:
    """The same of a file that a query found for this caller."""
    return is_owned_by(principal, file) or file.is_granted


def readable_by(principal: Principal) -> ColumnElement[bool]:
    """A file that the caller may look at: one entrusted to it, or a public one."""
    return IS_PUBLIC if principal.subject is None else or_(entrusted_to(principal), IS_PUBLIC)


def listed_for(principal: Principal, owner_id: str | None, *, is_shared: bool = False) -> ColumnElement[bool]:
    """A file that belongs in a listing of the caller's.

    That is its own; for an admin everybody's, or one owner's; with `is_shared` what others granted to it instead.
    """
    listed = shared_with(principal) if is_shared else owned_by(principal)
    return listed if owner_id is None else and_(listed, FileUpload.owner_id == owner_id)
