"""Brings the service and grantees into the routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request

from app.core.exceptions import FieldError, Invalid
from app.modules.auth.claims import MAX_NAME_CHARACTERS
from app.modules.sharing.grantees import Grantee
from app.modules.sharing.services import GrantService


async def grant_service(request: Request) -> GrantService:
    """The service of this process."""
    service: GrantService = request.app.state.grant_service
    return service


async def grantee_in_path(
    named: Annotated[
        str,
        Path(
            alias="principal",
            description="`user:<sub>` or `group:<name>`: the name verbatim as tokens say it, percent-encoded, so that "
            "`/` may be sent as `%2F`.",
            examples=["user:bob", "group:finance"],
            json_schema_extra={
                "pattern": rf"^(user|group):[^\x00-\x1f\x7f-\x9f\ufffd]{{1,{MAX_NAME_CHARACTERS}}}$",
            },
        ),
    ],
) -> Grantee:
    """Whom the path names.

    Raises:
        Invalid: nobody, as it can't be read.
    """
    try:
        return Grantee.parse(named)
    except ValueError as error:
        errors = (FieldError("path.principal", str(error)),)
        raise Invalid("The path names no user and no group; see errors.", errors=errors) from error


Grants = Annotated[GrantService, Depends(grant_service)]
GranteeInPath = Annotated[Grantee, Depends(grantee_in_path)]
