"""Brings the principal into a route."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.core.exceptions import HoldfastError
from app.modules.auth.authenticator import Authenticator
from app.modules.auth.key_service import KeyService
from app.modules.auth.principal import Principal, Scope

# Only for the OpenAPI document; the headers themselves are read below, so that our own problem answers.
_bearer = HTTPBearer(
    auto_error=False,
    description="A JWT (`python -m app token --sub alice`, or your identity provider's), or an API key from "
    "`POST /keys`. Its `scope` says what it may do: `files:read`, `files:write`, `files:admin`; a JWT without one "
    "may read and write.",
)


async def caller_of(request: Request) -> Principal | HoldfastError:
    """Who calls, or why that isn't known: found out once a request, whoever asks first.

    A token costs no I/O once its key is known, an API key one indexed read.
    """
    found: Principal | HoldfastError | None = getattr(request.state, "caller", None)
    if found is None:
        authenticator: Authenticator = request.app.state.authenticator
        try:
            found = await authenticator.authenticate(request.headers.getlist("Authorization"))
        except HoldfastError as error:
            found = error
        request.state.caller = found
    return found


async def current_principal(
    request: Request, _documented: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Principal:
    """The caller of this request."""
    caller = await caller_of(request)
    if isinstance(caller, HoldfastError):
        raise caller
    return caller


async def key_service(request: Request) -> KeyService:
    """The service of this process."""
    service: KeyService = request.app.state.key_service
    return service


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]


async def reader(principal: CurrentPrincipal) -> Principal:
    """A caller who may read; asked before anything else about the request is judged."""
    principal.require(Scope.READ)
    return principal


async def writer(principal: CurrentPrincipal) -> Principal:
    """A caller who may write; asked before the first byte of a body is read."""
    principal.require(Scope.WRITE)
    return principal


async def sharer(principal: CurrentPrincipal) -> Principal:
    """A caller who may write and read: what it opens to others, or copies, it must be allowed to see itself."""
    principal.require(Scope.WRITE)
    principal.require(Scope.READ)
    return principal


async def admin(principal: CurrentPrincipal) -> Principal:
    """A caller who may act for everybody; asked before anything else about the request is judged."""
    principal.require(Scope.ADMIN)
    return principal


Reader = Annotated[Principal, Depends(reader)]
Writer = Annotated[Principal, Depends(writer)]
Sharer = Annotated[Principal, Depends(sharer)]
Admin = Annotated[Principal, Depends(admin)]
Keys = Annotated[KeyService, Depends(key_service)]
