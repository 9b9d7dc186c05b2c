"""The wire of direct uploads."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.s3.objects import StoredPart
from app.core.text import Text
from app.core.wire_types import JSON_NUMBER, FutureMoment, JsonBool, Metadata, RequestModel, at_most
from app.modules.auth.principal import Principal
from app.modules.files.metadata import check_metadata
from app.modules.files.models import FileUpload
from app.modules.files.names import clean_folder
from app.modules.files.schemas import Expiry, File, FileReceipt, Sha256, StorageClass, changed_record
from app.modules.files.services.uploading import UploadDetails
from app.modules.uploads.models import UploadMethod
from app.modules.uploads.part_plan import MAX_PART_BYTES, MAX_PARTS, MIN_PART_BYTES
from app.modules.uploads.services.creation import UploadWish
from app.modules.uploads.services.offers import Offer, SignedPart
from app.modules.uploads.services.sent_parts import ClientPart

PartNumber = Annotated[int, Field(ge=1, le=MAX_PARTS), JSON_NUMBER]
# The name of a member of a JSON object is always text.
PartName = Annotated[int, Field(ge=1, le=MAX_PARTS)]
PartSize = Annotated[
    int, Field(ge=MIN_PART_BYTES, le=MAX_PART_BYTES, description="Bytes; 5 MiB to 5 GiB."), JSON_NUMBER
]
MAX_PARTS_SIGNED_AT_ONCE = 1000
PartChecksums = Annotated[dict[PartName, Sha256], *at_most(MAX_PARTS_SIGNED_AT_ONCE)]


class UploadRequest(RequestModel):
    """What a client is going to send."""

    filename: Annotated[Text, Field(max_length=1024)]
    content_type: Annotated[Text, Field(max_length=255, examples=["application/pdf"])]
    file_size: Annotated[int, Field(description="Bytes, exactly.", ge=0), JSON_NUMBER]
    checksum_sha256: Sha256 | None = None
    folder: Text = ""
    description: Annotated[Text, Field(max_length=4096)] | None = None
    is_public: JsonBool = False
    metadata: Metadata | None = None
    expires_at: FutureMoment | None = None
    storage_class: StorageClass | None = None
    owner_id: Annotated[Text, Field(min_length=1, max_length=255, description="Only with files:admin.")] | None = None
    method: Annotated[UploadMethod, Field(description="By default put, above 64 MiB multipart.")] | None = None
    expiry: Expiry | None = None
    part_size: PartSize | None = None
    part_checksums: Annotated[
        JsonBool, Field(description="Every part will be signed with its SHA-256. AWS has to know that from the start.")
    ] = False

    def to_wish(self, idempotency_key: str | None) -> UploadWish:
        """For the service."""
        details = UploadDetails(
            folder=clean_folder(self.folder),
            description=self.description,
            is_public=self.is_public,
            metadata=None if self.metadata is None else check_metadata(self.metadata),
            checksum_sha256=self.checksum_sha256.lower() if self.checksum_sha256 else None,
            expires_at=self.expires_at,
            storage_class=self.storage_class,
            owner_id=self.owner_id,
        )
        return UploadWish(
            filename=self.filename,
            content_type=self.content_type,
            size_bytes=self.file_size,
            details=details,
            method=self.method,
            ttl_seconds=self.expiry,
            part_bytes=self.part_size,
            has_part_checksums=self.part_checksums,
            idempotency_key=idempotency_key,
        )


class PartsRequest(RequestModel):
    """Which parts to sign."""

    part_numbers: Annotated[list[PartNumber], Field(min_length=1, max_length=MAX_PARTS_SIGNED_AT_ONCE, fail_fast=True)]
    checksums: Annotated[PartChecksums, Field(description="By part number.")] = {}  # noqa: RUF012 -- pydantic copies it


class CompletedPart(RequestModel):
    """A part as the client remembers it."""

    part_number: PartNumber
    etag: Annotated[Text, Field(max_length=256)]


class CompleteRequest(RequestModel):
    """Which parts make up the file; without them the store is asked."""

    parts: Annotated[list[CompletedPart], Field(max_length=MAX_PARTS, fail_fast=True)] | None = None

    def to_parts(self) -> list[ClientPart] | None:
        """For the service."""
        return None if self.parts is None else [ClientPart(part.part_number, part.etag) for part in self.parts]


class UploadOffer(BaseModel):
    """How to send the bytes."""

    id: Annotated[UUID, Field(description="The file's.")]
    method: UploadMethod
    url: str | None
    headers: Annotated[dict[str, str], Field(description="Send exactly these; Content-Length goes by itself.")]
    fields: Annotated[dict[str, str], Field(description="Of the form, in front of the file.")]
    part_size: int | None
    part_count: int | None
    expires_in: Annotated[int, Field(description="Seconds; may be less than asked for.")]
    expires_at: datetime

    @classmethod
    def of(cls, file_id: UUID, offer: Offer) -> Self:
        """Rendered."""
        return cls(
            id=file_id,
            method=offer.method,
            url=offer.url,
            headers=offer.headers,
            fields=offer.fields,
            part_size=offer.part_bytes,
            part_count=offer.part_count,
            expires_in=offer.expires_in_seconds,
            expires_at=offer.expires_at,
        )


class UploadCreated(BaseModel):
    """A reserved file and the way for its bytes."""

    file: File | FileReceipt
    upload: UploadOffer

    @classmethod
    def of(cls, principal: Principal, file: FileUpload, offer: Offer) -> Self:
        """Rendered; sent again later, it tells who may only write no more than that the file is there."""
        record = File.of(file) if file.version == 0 else changed_record(principal, file)
        return cls(file=record, upload=UploadOffer.of(file.id, offer))


class UploadedPart(BaseModel):
    """A part that the store has."""

    part_number: int
    size: int
    etag: str
    checksum_sha256: str | None

    @classmethod
    def of(cls, part: StoredPart) -> Self:
        """Rendered."""
        return cls(part_number=part.number, size=part.size_bytes, etag=part.etag, checksum_sha256=part.sha256_hex)


class UploadState(BaseModel):
    """What a client needs to go on."""

    file: File | FileReceipt
    upload: UploadOffer | None
    parts: list[UploadedPart]


class PartUrl(BaseModel):
    """Where one part goes."""

    part_number: int
    url: str
    headers: dict[str, str]
    expires_at: datetime

    @classmethod
    def of(cls, part: SignedPart) -> Self:
        """Rendered."""
        return cls(
            part_number=part.number,
            url=part.request.url,
            headers=part.request.headers,
            expires_at=part.request.expires_at,
        )


class PartUrls(BaseModel):
    """Where parts go."""

    parts: list[PartUrl]
