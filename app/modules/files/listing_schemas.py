"""The wire of listings: their filters, their pages."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import BaseModel, Field

from app.core.text import Text
from app.core.wire_types import Moment, RequestModel
from app.modules.files.listing_repository import FolderTotals, ListingFilter, ListingSort
from app.modules.files.metadata import parse_metadata
from app.modules.files.models import FileStatus
from app.modules.files.names import clean_folder
from app.modules.files.schemas import File, SharedFile

LARGEST_SIZE = 2**63 - 1


Bytes = Annotated[int, Field(ge=0, le=LARGEST_SIZE)]
Words = Annotated[Text, Field(min_length=1, max_length=255)]
OwnerId = Annotated[Words | None, Field(description="Only this owner's files. Only with files:admin.")]
Limit = Annotated[int, Field(ge=1, le=1000, description="At most so many items on a page.")]
Cursor = Annotated[
    Annotated[Text, Field(max_length=2048)] | None,
    Field(
        description="The `next_cursor` of the page before. It fits the same filters and sort only; "
        "with others it's refused as `invalid_cursor`."
    ),
]


class ListingQuery(RequestModel):
    """Filters, order and page of a listing. Filters are joined by AND."""

    folder: Annotated[Text | None, Field(description="Exactly this folder; empty is the root.")] = None
    prefix: Annotated[
        Text | None, Field(description="This folder and all below; empty is everything.", examples=["documents"])
    ] = None
    q: Annotated[
        Words | None,
        Field(
            description="Stands somewhere in the filename or the description, whatever the case of its letters. "
            "`%`, `_` and `\\` are letters like others."
        ),
    ] = None
    content_type: Annotated[
        Annotated[Text, Field(max_length=255)] | None,
        Field(description="A type, or a family of types as `image/*`.", examples=["image/*"]),
    ] = None
    status: Annotated[
        FileStatus, Field(description="One status; files past their `expires_at` count as `deleted`.")
    ] = FileStatus.AVAILABLE
    is_public: Annotated[bool | None, Field(description="Only public files, or only those that aren't.")] = None
    owner_id: OwnerId = None
    created_after: Annotated[Moment | None, Field(description="Created at this time or later.")] = None
    created_before: Annotated[Moment | None, Field(description="Created before this time.")] = None
    min_size: Annotated[Bytes | None, Field(description="Bytes; of this size or larger.")] = None
    max_size: Annotated[Bytes | None, Field(description="Bytes; of this size or smaller.")] = None
    metadata: Annotated[
        Text | None,
        Field(
            description="A JSON object as text; a file is listed if its metadata contains it: the same keys "
            "with the same values, objects and arrays at least with the elements given.",
            examples=['{"tags":["q3"]}'],
        ),
    ] = None
    shared_with_me: Annotated[
        bool,
        Field(
            description="The files that others granted to the caller or to one of its groups, instead of its own; "
            "no admin's right counts here. A grant counts for available files only, so that another `status` finds "
            "none. The cursor fits the same groups only."
        ),
    ] = False
    sort: Annotated[
        ListingSort,
        Field(
            description="`-` sorts downwards. Names are compared without regard to case, then by their bytes; "
            "a size that isn't known yet is below all others; equal ones stand in the order of their ids."
        ),
    ] = ListingSort.NEWEST
    limit: Limit = 50
    cursor: Cursor = None

    def to_filter(self) -> ListingFilter:
        """For the service."""
        return ListingFilter(
            status=self.status,
            folder=None if self.folder is None else clean_folder(self.folder),
            prefix=clean_folder(self.prefix) if self.prefix else None,
            # Names are kept composed, so a search typed on a Mac must be, too.
            text=None if self.q is None else unicodedata.normalize("NFC", self.q),
            content_type=self.content_type.lower() if self.content_type else None,
            is_public=self.is_public,
            owner_id=self.owner_id,
            created_after=self.created_after,
            created_before=self.created_before,
            min_size=self.min_size,
            max_size=self.max_size,
            metadata=parse_metadata(self.metadata) if self.metadata else None,
            is_shared=self.shared_with_me,
        )


class FilePage(BaseModel):
    """One page of a listing."""

    items: list[File | SharedFile]
    next_cursor: Annotated[str, Field(description="Null on the last page.")] | None


class FoldersQuery(RequestModel):
    """Whose sub-folders, and which page of them."""

    parent: Annotated[Text, Field(description="The folder whose direct sub-folders are listed; empty is the root.")] = (
        ""
    )
    owner_id: OwnerId = None
    limit: Limit = 50
    cursor: Cursor = None


class Folder(BaseModel):
    """A sub-folder. It exists as long as an available file lies in it or below it."""

    folder: Annotated[str, Field(description="The whole path, as `folder=` and `prefix=` take it.")]
    file_count: Annotated[int, Field(description="Available files in this folder and in all below it.")]
    total_bytes: Annotated[int, Field(description="What those files hold together, in bytes.")]

    @classmethod
    def of(cls, totals: FolderTotals) -> Folder:
        """Rendered from the registry."""
        return cls(folder=totals.folder, file_count=totals.file_count, total_bytes=totals.total_bytes)


class FolderPage(BaseModel):
    """One page of sub-folders."""

    items: list[Folder]
    next_cursor: Annotated[str, Field(description="Null on the last page.")] | None
