"""The wire of grants."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field

from app.core.wire_types import RequestModel
from app.modules.files.models import FileGrant, GrantAccess, GranteeKind
from app.modules.sharing.grantees import Grantee


class GrantRequest(RequestModel):
    """What a grant is to let do."""

    access: Annotated[
        GrantAccess,
        Field(
            description="`read`: record, metadata, download, presigned URLs, copies. `write`: that, and to change "
            "name, folder, description, metadata and bytes."
        ),
    ]


class Grant(BaseModel):
    """To whom a file is open, and for what."""

    principal: Annotated[
        str, Field(description="`user:<sub>` or `group:<name>`, verbatim.", examples=["user:bob", "group:finance"])
    ]
    access: GrantAccess
    granted_by: Annotated[str, Field(description="Who gave the access that it gives now.")]
    created_at: datetime

    @classmethod
    def of(cls, grant: FileGrant) -> Self:
        """Rendered from the registry."""
        return cls(
            principal=str(Grantee(GranteeKind(grant.grantee_kind), grant.grantee)),
            access=GrantAccess(grant.access),
            granted_by=grant.granted_by,
            created_at=grant.created_at,
        )


class GrantList(BaseModel):
    """All grants of a file, which are at most 1,000: users before groups, each by name."""

    items: list[Grant]
