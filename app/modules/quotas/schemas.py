"""The wire of quotas."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import Path
from pydantic import BaseModel, Field

from app.core.text import Text
from app.core.wire_types import JSON_NUMBER, RequestModel
from app.modules.auth.claims import MAX_NAME_CHARACTERS
from app.modules.quotas.service import Limit, Usage, Usual

# More than any store holds, and exact in JavaScript.
MAX_LIMIT = 2**53 - 1

OwnLimit = Annotated[int, Field(ge=0, le=MAX_LIMIT), JSON_NUMBER]
Owner = Annotated[Text, Field(min_length=1, max_length=MAX_NAME_CHARACTERS)]
OwnerPath = Annotated[
    Text,
    Path(
        min_length=1,
        max_length=MAX_NAME_CHARACTERS,
        description="Verbatim, percent-encoded; slashes may stand as they are.",
        examples=["auth0|5f7c8ec7c33c6c004bbafe82"],
    ),
]


class UsageQuery(RequestModel):
    """Whose usage."""

    owner_id: Annotated[Owner | None, Field(description="Somebody else's only with files:admin.")] = None


class UsageShown(BaseModel):
    """What an owner has, and may have."""

    owner_id: str
    bytes: Annotated[int, Field(description="Of available and soft-deleted files.")]
    files: Annotated[int, Field(description="Available and soft-deleted ones.")]
    reserved_bytes: Annotated[
        int, Field(description="Held for uploads, replacements and copies on their way; the most that may come.")
    ]
    reserved_files: Annotated[int, Field(description="Files on their way.")]
    max_bytes: Annotated[int | None, Field(description="Limit of `bytes` and `reserved_bytes` together; null: none.")]
    max_files: Annotated[int | None, Field(description="Limit of `files` and `reserved_files` together; null: none.")]

    @classmethod
    def of(cls, usage: Usage) -> Self:
        """Rendered."""
        return cls(
            owner_id=usage.owner_id,
            bytes=usage.size_bytes,
            files=usage.files,
            reserved_bytes=usage.reserved_bytes,
            reserved_files=usage.reserved_files,
            max_bytes=usage.max_bytes,
            max_files=usage.max_files,
        )


class LimitsRequest(RequestModel):
    """An owner's own limits: a number, null for none; what is left out is as the settings have it."""

    max_bytes: OwnLimit | None = None
    max_files: OwnLimit | None = None

    def limit(self, name: str) -> Limit:
        """One of the two, as it was meant."""
        value: int | None = getattr(self, name)
        return value if name in self.model_fields_set else Usual.LIMIT
