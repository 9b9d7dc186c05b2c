"""The routes under /files/{id}/grants."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from app.core.bounded_route import BoundedRoute
from app.core.paths import ANYTHING
from app.core.problems import problem_responses
from app.modules.auth.dependencies import Reader, Sharer, Writer
from app.modules.sharing.dependencies import GranteeInPath, Grants
from app.modules.sharing.schemas import Grant, GrantList, GrantRequest

router = APIRouter(
    prefix="/files/{file_id:uuid}/grants", tags=["grants"], redirect_slashes=False, route_class=BoundedRoute
)


@router.get("", response_model=GrantList, responses=problem_responses(401, 403, 404, 422, 503))
async def list_grants(file_id: UUID, principal: Reader, grants: Grants) -> Response:
    """To whom the file is open besides its owner, and for what. For its owner and admins, whatever its status."""
    found = await grants.grants(principal, file_id)
    return JSONResponse(GrantList(items=[Grant.of(grant) for grant in found]).model_dump(mode="json"))


@router.put(
    f"/{{principal:{ANYTHING}}}",
    response_model=Grant,
    responses={
        201: {"description": "Granted; there was no grant before.", "model": Grant},
        **problem_responses(401, 403, 404, 409, 422, 503),
    },
)
async def put_grant(
    file_id: UUID, principal: Sharer, grantee: GranteeInPath, wanted: GrantRequest, grants: Grants
) -> Response:
    """Open the file to a user or a group, for reading or for writing, too; again changes nothing else.

    That takes the scope `files:read`, too: nobody opens to others what it may not see itself.

    A grant counts from this answer on, for as long as the file is available: not while it's pending, rejected,
    deleted or expired. It stays through a soft delete and with another owner, and ends with a hard delete. Groups are
    those that the caller's token names; an API key is in none. Who reads by a grant sees the record without its
    `s3_key`; who writes by one may not delete or restore the file, nor change `is_public`, `expires_at`, `owner_id`
    or grants. The record's `version` doesn't change.
    """
    granted = await grants.grant(principal, file_id, grantee, wanted.access)
    status_code = 201 if granted.is_new else 200
    return JSONResponse(Grant.of(granted.grant).model_dump(mode="json"), status_code=status_code)


@router.delete(f"/{{principal:{ANYTHING}}}", status_code=204, responses=problem_responses(401, 403, 404, 422, 503))
async def revoke_grant(file_id: UUID, principal: Writer, grantee: GranteeInPath, grants: Grants) -> Response:
    """Close the file to a user or a group. From this answer on it's as if there had been no grant.

    Only presigned URLs that were issued before live until they expire, and copies that were made are their makers'.
    """
    await grants.revoke(principal, file_id, grantee)
    return Response(status_code=204)
