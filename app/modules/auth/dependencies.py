"""Brings the principal into a route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.core.bounded_route import asked_first
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


def may_ask_in_vain(request: Request) -> bool:
    """Whether `caller_of` would look up an API key that may well be invented."""
    authenticator: Authenticator = request.app.state.authenticator
    return authenticator.may_ask_in_vain(request.headers.getlist("Authorization"))


async def _known_caller(request: Request) -> Principal:
    caller = await caller_of(request)
    if isinstance(caller, HoldfastError):
        raise caller
    return caller


def _who_may(scope: Scope) -> Callable[[Request], Awaitable[str]]:
    async def ask(request: Request) -> str:
        return (await _known_caller(request)).require(scope)

    return ask


async def _may_share(request: Request) -> None:
    caller = await _known_caller(request)
    caller.require(Scope.WRITE)
    caller.require(Scope.READ)


@asked_first(_known_caller)
async def current_principal(
    request: Request, _documented: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Principal:
    """The caller of this request."""
    return await _known_caller(request)


async def key_service(request: Request) -> KeyService:
    """The service of this process."""
    service: KeyService = request.app.state.key_service
    return service


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]


@asked_first(_who_may(Scope.READ))
async def reader(principal: CurrentPrincipal) -> Principal:
    """A caller who may read; asked before anything else about the request is judged."""
    principal.require(Scope.READ)
    return principal


@asked_first(_who_may(Scope.WRITE))
async def writer(principal: CurrentPrincipal) -> Principal:
    """A caller who may write; asked before the first byte of a body is read."""
    principal.require(Scope.WRITE)
    return principal


@asked_first(_may_share)
async def sharer(principal: CurrentPrincipal) -> Principal:
    """A caller who may write and read: what it opens to others, or copies, it must be allowed to see itself."""
    principal.require(Scope.WRITE)
    principal.require(Scope.READ)
    return principal


@asked_first(_who_may(Scope.ADMIN))
async def admin(principal: CurrentPrincipal) -> Principal:
    """A caller who may act for everybody; asked before anything else about the request is judged."""
    principal.require(Scope.ADMIN)
    return principal


Reader = Annotated[Principal, Depends(reader)]
Writer = Annotated[Principal, Depends(writer)]
Sharer = Annotated[Principal, Depends(sharer)]
Admin = Annotated[Principal, Depends(admin)]
Keys = Annotated[KeyService, Depends(key_service)]
