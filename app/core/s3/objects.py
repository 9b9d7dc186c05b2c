"""What the store tells of objects and parts."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class ObjectHead:
    """What the store says about one object; sizes in bytes."""

    size_bytes: int
    etag: str
    content_type: str
    last_modified: datetime
    storage_class: str
    encryption: str | None
    version_id: str | None
    sha256_base64: str | None = None
    # What the object's writer wants readers to be told besides its type: the names, in lower case.
    reader_headers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class PartTag:
    """One stored part of a multipart upload; the checksum as base64, where the store keeps one."""

    number: int
    etag: str
    sha256_base64: str | None = None


@dataclass(frozen=True)
class StoredPart(PartTag):
    """A part as the store lists it."""

    size_bytes: int = 0
    last_modified: datetime | None = None

    @property
    def sha256_hex(self) -> str | None:
        """The checksum as `sha256sum` prints it."""
        return base64.b64decode(self.sha256_base64).hex() if self.sha256_base64 else None
