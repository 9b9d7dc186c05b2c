"""The route of the journal."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from app.core.bounded_route import BoundedRoute
from app.core.pagination import link_to_next
from app.core.problems import problem_responses
from app.modules.audit.dependencies import Journal
from app.modules.audit.schemas import AuditQuery, Entry, EntryList
from app.modules.auth.dependencies import Admin

router = APIRouter(prefix="/audit", tags=["audit"], redirect_slashes=False, route_class=BoundedRoute)


@router.get("", response_model=EntryList, responses=problem_responses(401, 403, 422, 503))
async def list_audit_entries(
    request: Request, principal: Admin, query: Annotated[AuditQuery, Query()], journal: Journal
) -> Response:
    """Who did what to which file or API key, when, from where and with which result; newest first.

    Needs `files:admin`. Every change is here, since it's written in the change's own transaction; so are refusals
    (403) of changes to a file that the caller sees. Reads are not, nor what is answered 404. Entries go after
    `AUDIT_RETENTION_DAYS`. `Link` with `rel="next"` leads to the next page.
    """
    page = await journal.page(principal, query.to_filter(), cursor=query.cursor, limit=query.limit)
    body = EntryList(items=[Entry.of(entry) for entry in page.items], next_cursor=page.next_cursor)
    return JSONResponse(body.model_dump(mode="json"), headers=link_to_next(request, page.next_cursor))
