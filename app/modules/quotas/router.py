"""The routes under /usage."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.core.bounded_route import BoundedRoute
from app.core.paths import ANYTHING
from app.core.problems import problem_responses
from app.modules.auth.dependencies import Admin, Reader
from app.modules.quotas.dependencies import QuotaServices
from app.modules.quotas.schemas import LimitsRequest, OwnerPath, UsageQuery, UsageShown

router = APIRouter(prefix="/usage", tags=["usage"], redirect_slashes=False, route_class=BoundedRoute)

USAGE_PROBLEMS = problem_responses(401, 403, 422, 503)


@router.get("", response_model=UsageShown, responses=USAGE_PROBLEMS)
async def get_usage(principal: Reader, query: Annotated[UsageQuery, Query()], quotas: QuotaServices) -> UsageShown:
    """How many bytes and files the caller has, how many are on their way, and how many it may have.

    Needs `files:read`; admins ask for anybody by `owner_id`. Soft-deleted files count until they are purged or
    deleted for good; rejected ones don't. What would lead beyond a limit is answered 413 `quota_exceeded`.
    """
    return UsageShown.of(await quotas.usage(principal, query.owner_id))


@router.put(f"/{{owner_id:{ANYTHING}}}/limits", response_model=UsageShown, responses=USAGE_PROBLEMS)
async def set_limits(owner_id: OwnerPath, wanted: LimitsRequest, principal: Admin, quotas: QuotaServices) -> UsageShown:
    """Give an owner limits of its own, in place of those it had: a number, `null` for none.

    Needs `files:admin`. A limit that is left out is the default of the settings. An owner with more than
    it may have keeps it, and gets no more.
    """
    limits = {name: wanted.limit(name) for name in ("max_bytes", "max_files")}
    return UsageShown.of(await quotas.set_limits(principal, owner_id, **limits))


@router.delete(f"/{{owner_id:{ANYTHING}}}/limits", status_code=204, responses=USAGE_PROBLEMS)
async def drop_limits(owner_id: OwnerPath, principal: Admin, quotas: QuotaServices) -> Response:
    """Let the defaults of the settings hold for an owner again; once or often. Needs `files:admin`."""
    await quotas.drop_limits(principal, owner_id)
    return Response(status_code=204)
