"""The routes that list: files by filters and order, and the folders that they lie in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from app.core.bounded_route import BoundedRoute
from app.core.pagination import link_to_next
from app.core.problems import problem_responses
from app.modules.auth.dependencies import Reader
from app.modules.files.dependencies import Services
from app.modules.files.listing_schemas import FilePage, Folder, FolderPage, FoldersQuery, ListingQuery
from app.modules.files.names import clean_folder
from app.modules.files.schemas import entrusted_record

router = APIRouter(prefix="/files", tags=["files"], redirect_slashes=False, route_class=BoundedRoute)

LISTING_PROBLEMS = problem_responses(401, 403, 422, 503)


@router.get("", response_model=FilePage, responses=LISTING_PROBLEMS)
async def list_files(
    request: Request, principal: Reader, query: Annotated[ListingQuery, Query()], services: Services
) -> Response:
    """The caller's files, newest first unless told otherwise; admins see everybody's.

    With `shared_with_me=true` those that others granted to the caller or its groups, without their `s3_key`.

    Page by page: no file that stays is skipped or shown twice, whatever is uploaded or deleted between two
    pages. `Link` with `rel="next"` leads to the next one.
    """
    page = await services.listing.files(
        principal, query.to_filter(), query.sort, cursor=query.cursor, limit=query.limit
    )
    items = [entrusted_record(principal, file) for file in page.items]
    return _answer(request, FilePage(items=items, next_cursor=page.next_cursor))


@router.get("/folders", response_model=FolderPage, responses=LISTING_PROBLEMS)
async def list_folders(
    request: Request, principal: Reader, query: Annotated[FoldersQuery, Query()], services: Services
) -> Response:
    """The direct sub-folders of a folder, by name, each with the files in it and below it; admins see everybody's."""
    page = await services.listing.folders(
        principal, clean_folder(query.parent), owner_id=query.owner_id, cursor=query.cursor, limit=query.limit
    )
    return _answer(request, FolderPage(items=[Folder.of(each) for each in page.items], next_cursor=page.next_cursor))


def _answer(request: Request, body: FilePage | FolderPage) -> Response:
    return JSONResponse(body.model_dump(mode="json"), headers=link_to_next(request, body.next_cursor))
