"""The wire of changes: patches of one record, batches over many files."""

from __future__ import annotations

from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field, field_validator

from app.core.exceptions import FieldError, HoldfastError, Invalid
from app.core.problems import Problem, problem_of
from app.core.text import Text
from app.core.wire_types import FutureMoment, JsonBool, Metadata, RequestModel
from app.modules.auth.principal import Principal
from app.modules.files.metadata import check_depth
from app.modules.files.names import clean_folder
from app.modules.files.schemas import File, FileReceipt, Sha256, SharedFile, changed_record
from app.modules.files.services.batch import Batch, BatchOperation
from app.modules.files.services.editing import RecordChanges
from app.modules.files.services.many import Outcome

MAX_BATCH = 1000
# Which fields belong to which operation, besides `operation` and `ids`.
BATCH_FIELDS = {BatchOperation.MOVE: "folder", BatchOperation.COPY: "new_folder"}


class FilePatch(RequestModel):
    """A JSON merge patch (RFC 7396): what it doesn't name stays; null takes away what can be taken away."""

    # The defaults are never read: only what the client has sent counts.
    filename: Annotated[Text, Field(default_factory=str, max_length=1024)]
    folder: Annotated[Text, Field(default_factory=str, description="Segments joined by '/'; empty is the root.")]
    description: Annotated[Text, Field(max_length=4096)] | None = None
    is_public: Annotated[JsonBool, Field(default_factory=bool)]
    expires_at: FutureMoment | None = None
    metadata: Annotated[Metadata | None, Field(description="Merged; null takes a key away, or all.")] = None
    owner_id: Annotated[
        Text, Field(default_factory=str, min_length=1, max_length=255, description="Only with files:admin.")
    ]

    def to_changes(self) -> RecordChanges:
        """For the service."""
        changes: RecordChanges = {}
        sent = self.model_fields_set
        if "filename" in sent:
            changes["filename"] = self.filename
        if "folder" in sent:
            changes["folder"] = clean_folder(self.folder)
        if "description" in sent:
            changes["description"] = self.description
        if "is_public" in sent:
            changes["is_public"] = self.is_public
        if "expires_at" in sent:
            changes["expires_at"] = self.expires_at
        if "metadata" in sent:
            changes["metadata"] = None if self.metadata is None else check_depth(self.metadata)
        if "owner_id" in sent:
            changes["owner_id"] = self.owner_id
        return changes


class ReplaceQuery(RequestModel):
    """What may be said about new bytes besides what they are."""

    checksum_sha256: Sha256 | None = None


class BatchRequest(RequestModel):
    """One operation on many files."""

    operation: BatchOperation
    ids: Annotated[
        list[UUID],
        Field(
            min_length=1,
            max_length=MAX_BATCH,
            fail_fast=True,
            description="Each once.",
            json_schema_extra={"uniqueItems": True},
        ),
    ]
    folder: Annotated[Text, Field(description="Where a move goes to; with move only.")] | None = None
    new_folder: Annotated[Text, Field(description="Where copies go to; with copy only.")] | None = None

    @field_validator("ids")
    @classmethod
    def _unique(cls, value: list[UUID]) -> list[UUID]:
        if len(set(value)) != len(value):
            message = "each id may be named once"
            raise ValueError(message)
        return value

    def to_batch(self, idempotency_key: str | None) -> Batch:
        """For the service.

        Raises:
            Invalid: a field belongs to another operation, or is missing.
        """
        own = BATCH_FIELDS.get(self.operation)
        wrong = [
            FieldError(f"body.{field}", f"has no meaning with {self.operation}")
            for field in sorted(self.model_fields_set & set(BATCH_FIELDS.values()) - {own})
        ]
        if self.operation is BatchOperation.MOVE and self.folder is None:
            wrong.append(FieldError("body.folder", "is needed: where the files go; empty is the root"))
        if wrong:
            raise Invalid("Some fields are wrong; see errors.", errors=tuple(wrong))
        return Batch(
            operation=self.operation,
            file_ids=self.ids,
            folder=clean_folder(self.folder or ""),
            new_folder=None if self.new_folder is None else clean_folder(self.new_folder),
            idempotency_key=idempotency_key,
        )


class BatchResult(BaseModel):
    """What came of one of many: the file where there still is one, or what was wrong."""

    id: UUID
    status: Annotated[int, Field(description="As the same request for this file alone would be answered.")]
    file: File | SharedFile | FileReceipt | None = None
    error: Problem | None = None

    @classmethod
    def of(cls, principal: Principal, operation: BatchOperation, file_id: UUID, outcome: Outcome) -> Self:
        """Rendered; what isn't set is left out."""
        if isinstance(outcome, HoldfastError):
            return cls(id=file_id, status=type(outcome).status, error=Problem(**problem_of(outcome)))
        if outcome is None:
            return cls(id=file_id, status=204)
        status = 201 if operation is BatchOperation.COPY else 200
        return cls(id=file_id, status=status, file=changed_record(principal, outcome))


class BatchResults(BaseModel):
    """One result an id, in the order of the request."""

    results: list[BatchResult]
