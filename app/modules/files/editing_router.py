"""The routes that change files: their records, their bytes, many at once."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from app.core.bounded_route import BoundedRoute
from app.core.presence import while_connected
from app.core.problems import problem_responses
from app.modules.auth.dependencies import Writer
from app.modules.files.answers import BYTES, CHANGE_PROBLEMS, CHANGED, UPLOAD_PROBLEMS, IfMatch, record_answer
from app.modules.files.dependencies import IdempotencyHeader, Services, Uploader, body_of, content_length, room_of
from app.modules.files.editing_schemas import BatchRequest, BatchResult, BatchResults, FilePatch, ReplaceQuery
from app.modules.files.services.receiving import IncomingBytes
from app.modules.rates.batches import admitted_batch

router = APIRouter(prefix="/files", tags=["files"], redirect_slashes=False, route_class=BoundedRoute)

MERGE_PATCH = {
    "requestBody": {"content": {"application/merge-patch+json": {"schema": {"$ref": "#/components/schemas/FilePatch"}}}}
}


@router.post("/batch", response_model=BatchResults, responses=problem_responses(401, 403, 413, 422, 503))
async def change_many(
    request: Request,
    principal: Writer,
    wanted: BatchRequest,
    services: Services,
    idempotency_key: IdempotencyHeader = None,
) -> Response:
    """One operation on up to 1,000 files, each with its own result.

    Ids are counted for each caller besides requests, an id to copy as ten; a batch for which there is no room is
    refused as a whole. So is a third one beside two that run. What was not begun when the client closes its
    connection is left undone.

    An Idempotency-Key counts for copies, one by one: sent again with more ids, it copies those that are new.
    """
    batch = wanted.to_batch(idempotency_key)
    async with admitted_batch(request, weight=batch.weight):
        outcomes = await services.batch.run(principal, batch, while_connected(request))
    body = BatchResults(results=[BatchResult.of(principal, wanted.operation, *outcome) for outcome in outcomes])
    return JSONResponse(body.model_dump(mode="json", exclude_unset=True))


@router.patch(
    "/{file_id:uuid}",
    response_model=CHANGED,
    responses=CHANGE_PROBLEMS | problem_responses(413, 415),
    openapi_extra=MERGE_PATCH,
)
async def change_file(
    file_id: UUID, principal: Writer, patch: FilePatch, services: Services, if_match: IfMatch = None
) -> Response:
    """Change the record of an available file by a JSON merge patch (RFC 7396); its bytes and their key stay.

    The new name must fit the bytes. A patch that changes nothing leaves the version as it is. Who was granted the
    file for writing may change all but `is_public`, `expires_at` and `owner_id`. To publish a file takes the scope
    `files:read`, too; without it the answer is only a receipt.
    """
    file = await services.editing.edit(principal, file_id, patch.to_changes(), if_match=if_match)
    return record_answer(file, principal)


@router.put(
    "/{file_id:uuid}/content",
    response_model=CHANGED,
    responses=UPLOAD_PROBLEMS | problem_responses(404, 412),
    openapi_extra={"requestBody": {"required": True, **BYTES}},
)
async def replace_content(
    request: Request,
    file_id: UUID,
    principal: Uploader,
    query: Annotated[ReplaceQuery, Query()],
    services: Services,
    if_match: IfMatch = None,
) -> Response:
    """Give an available file new bytes, sent as the bare body; until they are verified it keeps the old ones.

    They must be what the file's name says. Presigned URLs of the old bytes end with them. The owner's quota needs
    room for both: else 413 `quota_exceeded`.
    """
    length = content_length(request)
    incoming = IncomingBytes(
        declared_type=request.headers.get("content-type"),
        least_bytes=length,
        most_bytes=length,
        chunks=body_of(request),
        room=room_of(request),
    )
    checksum = query.checksum_sha256.lower() if query.checksum_sha256 else None
    file = await services.replacing.replace(principal, file_id, incoming, checksum_sha256=checksum, if_match=if_match)
    return record_answer(file, principal)
