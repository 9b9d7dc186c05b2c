"""The routes under /files/uploads."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from app.core.bounded_route import BoundedRoute
from app.core.problems import problem_responses
from app.modules.auth.dependencies import Writer
from app.modules.files.dependencies import IdempotencyHeader
from app.modules.files.models import FileStatus
from app.modules.files.schemas import File, FileReceipt, changed_record
from app.modules.uploads.dependencies import Uploads
from app.modules.uploads.schemas import (
    CompleteRequest,
    PartsRequest,
    PartUrl,
    PartUrls,
    UploadCreated,
    UploadedPart,
    UploadOffer,
    UploadRequest,
    UploadState,
)

router = APIRouter(prefix="/files/uploads", tags=["direct uploads"], redirect_slashes=False, route_class=BoundedRoute)

UPLOAD_PROBLEMS = problem_responses(401, 403, 404, 409, 410, 422, 503)


@router.post(
    "", status_code=201, response_model=UploadCreated, responses=problem_responses(401, 403, 409, 413, 415, 422, 503)
)
async def create_upload(
    request: Request,
    principal: Writer,
    wish: UploadRequest,
    uploads: Uploads,
    idempotency_key: IdempotencyHeader = None,
) -> Response:
    """Reserve a file and get the URL for its bytes. They never pass the API, and nobody sees them unverified.

    With the API key that began it an upload ends: it isn't completed once that key is revoked or has expired.

    The file counts for its owner's quota from now on, until it's deleted for good, aborted, rejected or expired;
    where there is no room, 413 `quota_exceeded`.
    """
    file, offer = await uploads.creation.create(principal, wish.to_wish(idempotency_key))
    headers = {"Location": f"{request.scope['path']}/{file.id}"}
    return _json(UploadCreated.of(principal, file, offer), status_code=201, headers=headers)


@router.get("/{file_id:uuid}", response_model=UploadState, responses=UPLOAD_PROBLEMS)
async def get_upload(file_id: UUID, principal: Writer, uploads: Uploads) -> Response:
    """What is needed to go on: the parts that arrived, and a fresh URL."""
    opened = await uploads.completion.resume(principal, file_id)
    parts = await uploads.completion.stored_parts(opened)
    is_open = opened.file.status == FileStatus.PENDING
    offer = await uploads.offers.offer(opened.file, opened.upload, opened.stored) if is_open else None
    state = UploadState(
        file=changed_record(principal, opened.file),
        upload=None if offer is None else UploadOffer.of(file_id, offer),
        parts=[UploadedPart.of(part) for part in parts],
    )
    return JSONResponse(state.model_dump(mode="json"))


@router.post("/{file_id:uuid}/parts", response_model=PartUrls, responses=UPLOAD_PROBLEMS)
async def sign_parts(file_id: UUID, principal: Writer, wanted: PartsRequest, uploads: Uploads) -> Response:
    """URLs for parts, again whenever asked. Neither the store is called nor anything written."""
    opened = await uploads.completion.resume(principal, file_id)
    signed = await uploads.offers.parts(
        opened.file, opened.upload, opened.stored, wanted.part_numbers, wanted.checksums
    )
    body = PartUrls(parts=[PartUrl.of(part) for part in signed])
    return JSONResponse(body.model_dump(mode="json"))


@router.post(
    "/{file_id:uuid}/complete",
    response_model=File | FileReceipt,
    responses={202: {"model": File | FileReceipt, "description": "A job verifies the bytes."}, **UPLOAD_PROBLEMS},
)
async def complete_upload(
    file_id: UUID, principal: Writer, uploads: Uploads, given: CompleteRequest | None = None
) -> Response:
    """Verify what was sent and make it available; once or often."""
    file = await uploads.completion.complete(principal, file_id, None if given is None else given.to_parts())
    status_code = 202 if file.status == FileStatus.VERIFYING else 200
    return JSONResponse(changed_record(principal, file).model_dump(mode="json"), status_code=status_code)


@router.delete("/{file_id:uuid}", status_code=204, responses=UPLOAD_PROBLEMS)
async def abort_upload(file_id: UUID, principal: Writer, uploads: Uploads) -> Response:
    """Drop the upload with all that was sent."""
    await uploads.completion.abort(principal, file_id)
    return Response(status_code=204)


def _json(body: BaseModel, *, status_code: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(body.model_dump_json(), status_code, headers, "application/json")
