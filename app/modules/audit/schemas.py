"""The wire of the journal."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.audit import Action, ActorKind, AuditEntry, Result
from app.core.text import Text
from app.core.wire_types import Moment, RequestModel
from app.modules.audit.repository import AuditFilter
from app.modules.auth.claims import MAX_NAME_CHARACTERS

Name = Annotated[Text, Field(min_length=1, max_length=MAX_NAME_CHARACTERS)]


class Entry(BaseModel):
    """One thing that was done to a file or a key, or tried."""

    id: UUID
    at: Annotated[datetime, Field(description="When its transaction began.")]
    actor_kind: Annotated[
        ActorKind,
        Field(description="What `actor` names: a user by token or by API key, or a part of the service itself."),
    ]
    actor: Annotated[str, Field(description="The `sub` of a caller, verbatim; or `maintenance`, `outbox`, `command`.")]
    api_key_id: Annotated[UUID | None, Field(description="The API key that the caller showed.")]
    address: Annotated[str | None, Field(description="From where the request came.", examples=["203.0.113.7"])]
    request_id: Annotated[str | None, Field(description="The `X-Request-ID` of its answer.")]
    # Text: an entry of a later version is shown, too.
    action: Annotated[str, Field(examples=[Action.UPLOAD])]
    file_id: UUID | None
    owner_id: Annotated[str | None, Field(description="Whose file or key it was, before the change.")]
    result: Annotated[
        Result,
        Field(
            description="`ok`: done. `rejected`: begun, and not carried out. `denied`: the caller sees the file, "
            "but may not do that to it."
        ),
    ]
    details: Annotated[
        dict[str, Any],
        Field(description="More of it, by action.", examples=[{"size_bytes": 182_044}, {"changed": ["folder"]}]),
    ]

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """Rendered from the registry."""
        return cls.model_validate(entry, from_attributes=True)


class AuditQuery(RequestModel):
    """Which entries, and which page of them."""

    actor: Annotated[Name | None, Field(description="Who did it, verbatim.")] = None
    action: Annotated[Action | None, Field(description="What was done.")] = None
    file_id: Annotated[UUID | None, Field(description="To which file; one that is long gone, too.")] = None
    owner_id: Annotated[Name | None, Field(description="Whose file or key it was.")] = None
    result: Annotated[Result | None, Field(description="How it ended.")] = None
    created_after: Annotated[Moment | None, Field(description="At this time or later.")] = None
    created_before: Annotated[Moment | None, Field(description="Earlier than this.")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="At most so many items on a page.")] = 50
    cursor: Annotated[
        Annotated[Text, Field(max_length=2048)] | None,
        Field(description="The `next_cursor` of the page before, with the same query otherwise."),
    ] = None

    def to_filter(self) -> AuditFilter:
        """What the query asks for, but for the page."""
        return AuditFilter(**self.model_dump(exclude={"limit", "cursor"}))


class EntryList(BaseModel):
    """A page of the journal."""

    items: list[Entry]
    next_cursor: Annotated[str | None, Field(description="Leads to the next page; null on the last one.")]
