"""What the registry will say of a file that is about to be written, and of its bytes once they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from app.core.clock import new_id, utc_now
from app.core.s3.objects import ObjectHead
from app.modules.files.models import ChecksumKind, FileStatus, FileUpload


@dataclass(frozen=True)
class FileDraft:
    """A file that is about to be written: what the registry will say of it."""

    owner_id: str
    filename: str
    content_type: str
    folder: str = ""
    description: str | None = None
    is_public: bool = False
    metadata: dict[str, Any] | None = None
    expires_at: datetime | None = None
    storage_class: str = "STANDARD"

    @classmethod
    def of(cls, file: FileUpload) -> Self:
        """What the registry says of a file already."""
        return cls(
            owner_id=file.owner_id,
            filename=file.filename,
            content_type=file.content_type,
            folder=file.folder,
            description=file.description,
            is_public=file.is_public,
            metadata=file.attributes,
            expires_at=file.expires_at,
            storage_class=file.storage_class,
        )

    def apply_to(self, file: FileUpload) -> None:
        """Let the registry say so."""
        file.owner_id = self.owner_id
        file.filename = self.filename
        file.folder = self.folder
        file.content_type = self.content_type
        file.description = self.description
        file.is_public = self.is_public
        file.attributes = self.metadata or {}
        file.expires_at = self.expires_at
        file.storage_class = self.storage_class


@dataclass(frozen=True)
class VerifiedContent:
    """What is known of bytes that were written: their count, and their SHA-256 in hex if anybody computed it.

    `fingerprint` says which request it was, for its idempotency key. `head` is the object as it was verified, where
    that was done already.
    """

    size_bytes: int
    sha256: str | None
    sha256_kind: ChecksumKind | None
    fingerprint: str = ""
    head: ObjectHead | None = None


def new_file(draft: FileDraft, now: datetime, file_id: UUID | None = None) -> FileUpload:
    """A file whose bytes are still to come."""
    file = FileUpload(id=file_id or new_id(), status=FileStatus.PENDING, version=0, created_at=now, updated_at=now)
    draft.apply_to(file)
    return file


def make_available(file: FileUpload, object_id: UUID, size_bytes: int) -> None:
    """The flip: from this commit on the bytes can be read."""
    file.current_object_id = object_id
    file.file_size = size_bytes
    file.status = FileStatus.AVAILABLE
    file.version += 1
    file.updated_at = utc_now()
