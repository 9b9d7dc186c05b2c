"""The wire: what requests and answers look like. Nothing below the router knows these."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, field_validator

from app.config import SIGV4_MAX_EXPIRY_SECONDS
from app.core.problems import Problem
from app.core.s3.objects import ObjectHead
from app.core.text import Text
from app.core.wire_types import JSON_NUMBER, FutureMoment, JsonBool, Metadata, RequestModel
from app.modules.auth.principal import Principal
from app.modules.files.metadata import check_metadata, parse_metadata
from app.modules.files.models import FileStatus, FileUpload, StoredObject
from app.modules.files.names import clean_folder
from app.modules.files.services.lifecycle import CopyChanges
from app.modules.files.services.reading import content_etag
from app.modules.files.services.records import is_deleted
from app.modules.files.services.uploading import UploadDetails
from app.modules.files.visibility import is_entrusted_to, is_owned_by

StorageClass = Literal["STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"]
Sha256 = Annotated[
    str,
    Field(pattern=r"^[0-9a-fA-F]{64}$", examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]),
]
EXPIRY_DESCRIPTION = "Seconds. Where the service allows less, URLs live shorter; `expires_in` tells how long."
Expiry = Annotated[int, Field(ge=1, le=SIGV4_MAX_EXPIRY_SECONDS, description=EXPIRY_DESCRIPTION), JSON_NUMBER]


class UploadFields(RequestModel):
    """What may come with an upload, as form fields or in the query."""

    folder: Annotated[Text, Field(description="Segments joined by '/'.", examples=["documents/2026"])] = ""
    description: Annotated[Text, Field(max_length=4096)] | None = None
    is_public: bool = False
    metadata: Annotated[Text, Field(description="A JSON object as text.", examples=['{"tags":["q3"]}'])] | None = None
    checksum_sha256: Sha256 | None = None
    expires_at: FutureMoment | None = None
    storage_class: StorageClass | None = None
    owner_id: Annotated[Text, Field(min_length=1, max_length=255, description="Only with files:admin.")] | None = None

    @field_validator("folder")
    @classmethod
    def _folder(cls, value: str) -> str:
        return clean_folder(value)

    def to_details(self) -> UploadDetails:
        """For the service."""
        return UploadDetails(
            folder=self.folder,
            description=self.description,
            is_public=self.is_public,
            metadata=parse_metadata(self.metadata) if self.metadata else None,
            checksum_sha256=self.checksum_sha256.lower() if self.checksum_sha256 else None,
            expires_at=self.expires_at,
            storage_class=self.storage_class,
            owner_id=self.owner_id,
        )


class CopyRequest(RequestModel):
    """What is to be different about the copy."""

    new_folder: Text | None = None
    new_filename: Annotated[Text, Field(max_length=1024)] | None = None
    new_metadata: Metadata | None = None

    def to_changes(self) -> CopyChanges:
        """For the service."""
        return CopyChanges(
            folder=None if self.new_folder is None else clean_folder(self.new_folder),
            filename=self.new_filename,
            metadata=None if self.new_metadata is None else check_metadata(self.new_metadata),
        )


class Rejection(BaseModel):
    """Why the bytes of a file were refused."""

    code: str
    detail: str


class PublicFile(BaseModel):
    """A public file as anyone sees it."""

    id: UUID
    filename: str
    folder: str
    content_type: str
    file_size: Annotated[int, Field(description="Bytes.")] | None
    checksum_sha256: Annotated[str, Field(description="Lower-case hex.")] | None
    etag: Annotated[str, Field(description="Of the content; PATCH doesn't change it.")] | None
    is_public: bool
    status: FileStatus
    rejection: Rejection | None
    storage_class: str
    version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    expires_at: datetime | None

    @classmethod
    def of(cls, file: FileUpload) -> Self:
        """Rendered from the registry."""
        return cls(**_fields_of(file))


class SharedFile(PublicFile):
    """A file as those see it to whom it was granted: all but the object's key, which tells old folders and names."""

    description: str | None
    metadata: dict[str, Any]
    owner_id: str

    @classmethod
    def of(cls, file: FileUpload) -> Self:
        """Rendered from the registry."""
        return cls(**_fields_of(file), **_notes_of(file))


class File(SharedFile):
    """A file as its owner sees it."""

    s3_key: str | None

    @classmethod
    def of(cls, file: FileUpload) -> Self:
        """Rendered from the registry."""
        key = file.current_object.key if file.current_object else None
        return cls(**_fields_of(file), **_notes_of(file), s3_key=key)


class FileReceipt(BaseModel):
    """A file as a credential sees it that may write but not read: that what it wanted was done."""

    id: UUID
    status: FileStatus
    version: int

    @classmethod
    def of(cls, file: FileUpload) -> Self:
        """Rendered from the registry."""
        return cls(id=file.id, status=_status_of(file), version=file.version)


def entrusted_record(principal: Principal, file: FileUpload) -> File | SharedFile:
    """A file's record for a caller who owns it or was granted it."""
    return File.of(file) if is_owned_by(principal, file) else SharedFile.of(file)


def changed_record(principal: Principal, file: FileUpload) -> File | SharedFile | FileReceipt:
    """The record of a file that the caller, who owns it or was granted it, has just changed."""
    return entrusted_record(principal, file) if principal.may_read else FileReceipt.of(file)


def record_for(principal: Principal, file: FileUpload) -> File | SharedFile | PublicFile | FileReceipt:
    """As much of a file's record as the caller, who found it, may see."""
    return changed_record(principal, file) if is_entrusted_to(principal, file) else PublicFile.of(file)


def _status_of(file: FileUpload) -> FileStatus:
    has_expired = is_deleted(file) and file.status == FileStatus.AVAILABLE
    return FileStatus.DELETED if has_expired else FileStatus(file.status)


def _notes_of(file: FileUpload) -> dict[str, Any]:
    return {"description": file.description, "metadata": file.attributes, "owner_id": file.owner_id}


def _fields_of(file: FileUpload) -> dict[str, Any]:
    stored = file.current_object
    is_written = stored is not None and file.status in {FileStatus.AVAILABLE, FileStatus.DELETED}
    has_expired = is_deleted(file) and file.status == FileStatus.AVAILABLE
    return {
        "id": file.id,
        "filename": file.filename,
        "folder": file.folder,
        "content_type": file.content_type,
        "file_size": file.file_size,
        "checksum_sha256": stored.sha256 if stored and is_written else None,
        "etag": content_etag(stored) if stored and is_written else None,
        "is_public": file.is_public,
        "status": _status_of(file),
        "rejection": Rejection(code=file.rejection_code, detail=file.rejection_detail or "")
        if file.rejection_code
        else None,
        "storage_class": file.storage_class,
        "version": file.version,
        "created_at": file.created_at,
        "updated_at": file.updated_at,
        "deleted_at": file.expires_at if has_expired else file.deleted_at,
        "expires_at": file.expires_at,
    }


class StoreMetadata(BaseModel):
    """What the store says about a file's object."""

    content_type: str
    file_size: int
    last_modified: datetime
    etag: Annotated[str, Field(description="The store's own, not the content's.")]
    storage_class: str
    server_side_encryption: str | None
    checksum_sha256: str | None
    metadata: dict[str, Any]

    @classmethod
    def of(cls, file: FileUpload, stored: StoredObject, head: ObjectHead) -> Self:
        """Rendered from the store's answer and the registry."""
        return cls(
            content_type=head.content_type,
            file_size=head.size_bytes,
            last_modified=head.last_modified,
            etag=head.etag,
            storage_class=head.storage_class,
            server_side_encryption=head.encryption,
            checksum_sha256=stored.sha256,
            metadata=file.attributes,
        )


class ExistsAnswer(BaseModel):
    """Whether a file is there; an unknown one and somebody else's look alike."""

    exists: bool
    in_registry: bool
    in_store: bool


class PresignedUrl(BaseModel):
    """A URL to read a file from the store directly."""

    url: str
    method: Literal["GET"] = "GET"
    expires_in: Annotated[int, Field(description="Seconds; may be less than asked for.")]
    expires_at: datetime


class PresignedUrlsRequest(RequestModel):
    """Which files to sign for."""

    ids: Annotated[list[UUID], Field(min_length=1, max_length=1000, fail_fast=True)]
    expiry: Expiry | None = None
    force_download: JsonBool = False


class PresignedUrlResult(BaseModel):
    """What came of one of many."""

    id: UUID
    status: int
    url: PresignedUrl | None = None
    error: Problem | None = None


class PresignedUrlResults(BaseModel):
    """One result an id, in the order of the request."""

    results: list[PresignedUrlResult]
