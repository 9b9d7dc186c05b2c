"""The wire of API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from app.core.text import Text
from app.core.wire_types import FutureMoment, RequestModel
from app.modules.auth.claims import MAX_NAME_CHARACTERS, is_usable_name
from app.modules.auth.key_service import NewKey
from app.modules.auth.models import ApiKey
from app.modules.auth.principal import Scope


def _require_visible(value: str) -> str:
    if not value.strip() or not is_usable_name(value):
        raise ValueError("must have a visible character and no control characters")
    return value


VISIBLE = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0\s][^\x00-\x1f\x7f-\x9f]*$"


class KeyRequest(RequestModel):
    """What a new key is for."""

    name: Annotated[
        Text,
        Field(
            min_length=1,
            max_length=MAX_NAME_CHARACTERS,
            description="For people.",
            examples=["nightly backup"],
            json_schema_extra={"pattern": VISIBLE},
        ),
        AfterValidator(_require_visible),
    ]
    scopes: Annotated[
        frozenset[Scope] | None,
        Field(
            min_length=1,
            max_length=len(Scope),
            fail_fast=True,
            description="What the key may do, at most what the caller may. Without it: to read and to write, as "
            "far as the caller may; `files:admin` only if it's named.",
        ),
    ] = None
    expires_at: Annotated[
        FutureMoment | None, Field(description="When it ends by itself; null: not before it's revoked.")
    ] = None


class Key(BaseModel):
    """An API key, without what it's worth."""

    id: UUID
    prefix: Annotated[str, Field(description="How the key begins, behind `hf_`.", examples=["Zk3v9QpL"])]
    name: str
    owner_id: Annotated[str, Field(description="As whom callers with this key act.")]
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: Annotated[datetime | None, Field(description="To the minute.")]

    @classmethod
    def of(cls, key: ApiKey) -> Key:
        """Rendered from the registry."""
        return cls.model_validate(key, from_attributes=True)


class KeyCreated(Key):
    """A new key, and the only answer that shows it."""

    key: Annotated[
        str, Field(description="Send it as `Authorization: Bearer <key>`. It's kept as a hash and never shown again.")
    ]

    @classmethod
    def made(cls, new: NewKey) -> KeyCreated:
        """Rendered once."""
        return cls(**Key.of(new.key).model_dump(), key=new.text.text)


class KeysQuery(RequestModel):
    """Whose keys, and which page of them."""

    owner_id: Annotated[
        Annotated[Text, Field(min_length=1, max_length=MAX_NAME_CHARACTERS)] | None,
        Field(description="Only this owner's keys. Only with files:admin."),
    ] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="At most so many items on a page.")] = 50
    cursor: Annotated[
        Annotated[Text, Field(max_length=2048)] | None,
        Field(description="The `next_cursor` of the page before, with the same `owner_id`."),
    ] = None


class KeyList(BaseModel):
    """One page of keys, newest first."""

    items: list[Key]
    next_cursor: Annotated[str, Field(description="Null on the last page.")] | None
