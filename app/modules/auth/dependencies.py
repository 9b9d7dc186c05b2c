"""Brings the principal into a route."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.modules.auth.principal import Principal
from app.modules.auth.tokens import Authenticator

# Only for the OpenAPI document; the header itself is read below, so that our own problem answers.
_bearer = HTTPBearer(auto_error=False, description="A JWT signed with HS256: `python -m app token --sub alice`")


async def current_principal(
    request: Request, _documented: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Principal:
    """The caller of this request. No I/O, no database connection."""
    authenticator: Authenticator = request.app.state.authenticator
    return authenticator.authenticate(request.headers.get("Authorization"))


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
