"""What a change does to a file's record: decided from the record alone, for one file and for many alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from app.modules.files.exceptions import FileNotAvailable, FileNotFound
from app.modules.files.models import FileStatus, FileUpload, StoredObject
from app.modules.files.services.records import is_deleted, require_available, touch

# The columns that get other values; none where nothing changes.
Values = Mapping[str, str | datetime | None]


def deletion(file: FileUpload, now: datetime) -> Values:
    """What a soft delete changes. A deleted file stays as it is.

    Raises:
        FileNotAvailable: the file is still being written, or was refused.
    """
    if file.status == FileStatus.DELETED:
        return {}
    if file.status != FileStatus.AVAILABLE:
        raise FileNotAvailable(f"The file is {file.status}; remove it with hard_delete=true.")
    return {"status": FileStatus.DELETED, "deleted_at": now}


def restoration(file: FileUpload, now: datetime) -> Values:
    """What undoing a soft delete changes. An available file stays as it is.

    Raises:
        FileNotAvailable: the file is still being written, or was refused.
    """
    if file.status not in {FileStatus.AVAILABLE, FileStatus.DELETED}:
        raise FileNotAvailable(f"The file is {file.status}; there is nothing to restore.")
    has_expired = file.expires_at is not None and file.expires_at <= now
    if file.status == FileStatus.AVAILABLE and not has_expired:
        return {}
    values: dict[str, str | datetime | None] = {"status": FileStatus.AVAILABLE, "deleted_at": None}
    if has_expired:
        # It would be deleted again in the same moment.
        values["expires_at"] = None
    return values


def move(file: FileUpload, folder: str) -> Values:
    """What putting a file into a folder changes.

    Raises:
        FileNotAvailable: the file is still being written, was refused or is deleted.
    """
    require_available(file)
    return {} if file.folder == folder else {"folder": folder}


def copyable(file: FileUpload) -> StoredObject:
    """The object of a file that can be copied.

    Raises:
        FileNotFound: the file is deleted.
        FileNotAvailable: its bytes are not verified.
    """
    if is_deleted(file):
        raise FileNotFound("The file was deleted; restore it first.")
    if file.status != FileStatus.AVAILABLE or file.current_object is None:
        raise FileNotAvailable(f"The file is {file.status}; it can't be copied.")
    return file.current_object


def apply(file: FileUpload, values: Values) -> None:
    """Change a record that a session has loaded; the session writes it."""
    for name, value in values.items():
        setattr(file, name, value)
    touch(file)
