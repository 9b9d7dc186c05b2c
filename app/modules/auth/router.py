"""The routes under /keys."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from app.core.bounded_route import BoundedRoute
from app.core.pagination import link_to_next
from app.core.problems import problem_responses
from app.modules.auth.dependencies import Keys, Reader, Writer
from app.modules.auth.key_schemas import Key as KeyShown
from app.modules.auth.key_schemas import KeyCreated, KeyList, KeyRequest, KeysQuery

router = APIRouter(prefix="/keys", tags=["API keys"], redirect_slashes=False, route_class=BoundedRoute)


@router.post("", status_code=201, response_model=KeyCreated, responses=problem_responses(401, 403, 409, 422, 503))
async def create_key(principal: Writer, wanted: KeyRequest, keys: Keys) -> Response:
    """Make an API key for a server or a script. It acts as the caller, with the scopes it's given, and in no group.

    Needs a token with `files:write`; an API key makes no other. The key is shown in this answer and never again,
    so no `Idempotency-Key` is taken: where the answer was lost, revoke the key and make another. Everybody may
    have 100 keys in use.
    """
    new = await keys.create(principal, name=wanted.name, scopes=wanted.scopes, expires_at=wanted.expires_at)
    return JSONResponse(KeyCreated.made(new).model_dump(mode="json"), status_code=201)


@router.get("", response_model=KeyList, responses=problem_responses(401, 403, 422, 503))
async def list_keys(request: Request, principal: Reader, query: Annotated[KeysQuery, Query()], keys: Keys) -> Response:
    """The caller's API keys, newest first, the revoked and expired ones too; admins see everybody's.

    Those that ended stay listed until maintenance purges them. Needs a token with `files:read`. `Link` with
    `rel="next"` leads to the next page.
    """
    page = await keys.page(principal, query.owner_id, cursor=query.cursor, limit=query.limit)
    body = KeyList(items=[KeyShown.of(key) for key in page.items], next_cursor=page.next_cursor)
    return JSONResponse(body.model_dump(mode="json"), headers=link_to_next(request, page.next_cursor))


@router.delete("/{key_id:uuid}", status_code=204, responses=problem_responses(401, 403, 404, 422, 503))
async def revoke_key(key_id: UUID, principal: Writer, keys: Keys) -> Response:
    """Revoke an API key, once or often: from this answer on it is refused everywhere. Admins may revoke anybody's.

    Needs a token with `files:write`. Presigned URLs that were made with the key live until they expire.
    """
    await keys.revoke(principal, key_id)
    return Response(status_code=204)
