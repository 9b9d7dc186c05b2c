"""A record as callers change it: found and locked for who may, compared with `If-Match`, counted up."""

from __future__ import annotations

from uuid import UUID

from app.core.clock import utc_now
from app.core.exceptions import Forbidden
from app.core.http_conditions import matches_etag
from app.modules.auth.principal import Principal, Scope
from app.modules.files.exceptions import FileNotAvailable, FileNotFound, PreconditionFailed
from app.modules.files.models import FileStatus, FileUpload, StoredObject
from app.modules.files.repository import FileRepository

# What a caller is told who sees a file.
ONLY_ITS_OWNER = "You see this file, but only its owner may do this."
MAY_NOT_CHANGE = "You see this file, but may not change it."


def record_etag(file: FileUpload) -> str:
    """The ETag of the record: it changes with every change of it."""
    return f'"v{file.version}"'


def require_version(file: FileUpload, if_match: str | None) -> None:
    """Check that the record is the one that the caller means, if it says which.

    Raises:
        PreconditionFailed: it has changed since.
    """
    if if_match is not None and not matches_etag(if_match, record_etag(file), weak=False):
        raise PreconditionFailed


async def owned(
    repository: FileRepository, principal: Principal, file_id: UUID, if_match: str | None = None
) -> FileUpload:
    """A file that the caller owns, locked: for what only the owner (or an admin) may do.

    Raises:
        FileNotFound: there is none that the caller sees.
        Forbidden: it sees one that isn't its own.
        PreconditionFailed: it means another version.
    """
    principal.require(Scope.WRITE)
    file = await repository.owned(principal, file_id, for_update=True)
    if file is None:
        raise await refusal(repository, principal, file_id, ONLY_ITS_OWNER)
    require_version(file, if_match)
    return file


async def changeable(
    repository: FileRepository, principal: Principal, file_id: UUID, if_match: str | None = None
) -> FileUpload:
    """A file that the caller owns or was granted for writing, locked.

    Raises:
        FileNotFound: there is none that the caller sees.
        Forbidden: it may only read it.
        PreconditionFailed: it means another version.
    """
    principal.require(Scope.WRITE)
    file = await repository.changeable(principal, file_id)
    if file is None:
        raise await refusal(repository, principal, file_id, MAY_NOT_CHANGE)
    require_version(file, if_match)
    return file


async def refusal(
    repository: FileRepository, principal: Principal, file_id: UUID, detail: str
) -> Forbidden | FileNotFound:
    """What to tell a caller who may not do something with a file: that, where it sees the file, and else no more."""
    is_seen = await repository.readable(principal, file_id) is not None
    return Forbidden(detail) if is_seen else FileNotFound()


def is_deleted(file: FileUpload) -> bool:
    """Soft-deleted, or past its time, which is the same for every caller."""
    return file.status == FileStatus.DELETED or (file.expires_at is not None and file.expires_at <= utc_now())


def require_available(file: FileUpload) -> StoredObject:
    """The object of a file whose bytes are verified and not given up.

    Raises:
        FileNotAvailable: it's still being written, was refused or deleted.
    """
    if is_deleted(file):
        raise FileNotAvailable("The file is deleted; restore it first.")
    if file.status != FileStatus.AVAILABLE or file.current_object is None:
        raise FileNotAvailable(f"The file is {file.status}; it can't be changed yet.")
    return file.current_object


def touch(file: FileUpload) -> None:
    """Count a change."""
    file.version += 1
    file.updated_at = utc_now()
