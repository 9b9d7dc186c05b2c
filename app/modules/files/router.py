"""The routes under /files: each turns a request into one service call and its result into an answer."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from app.core.bounded_route import BoundedRoute
from app.core.paths import ANYTHING
from app.core.problems import problem_responses
from app.modules.auth.dependencies import CurrentPrincipal, Reader, Sharer, Writer
from app.modules.files.answers import (
    BYTES,
    CHANGE_PROBLEMS,
    FOR_ANYONE,
    UPLOAD_PROBLEMS,
    IfMatch,
    created_answer,
    record_answer,
)
from app.modules.files.dependencies import (
    IdempotencyHeader,
    IncomingFormFile,
    Services,
    Uploader,
    body_of,
    content_length,
    room_of,
)
from app.modules.files.exceptions import InvalidFilename
from app.modules.files.schemas import (
    CopyRequest,
    ExistsAnswer,
    File,
    FileReceipt,
    PublicFile,
    SharedFile,
    StoreMetadata,
    UploadFields,
)
from app.modules.files.services.uploading import IncomingFile

router = APIRouter(prefix="/files", tags=["files"], redirect_slashes=False, route_class=BoundedRoute)

FILE_PROBLEMS = problem_responses(401, 403, 404, 422, 503)


def _form_body() -> dict[str, Any]:
    """The OpenAPI description of the upload form, which is read without FastAPI's own form parser."""
    fields = UploadFields.model_json_schema()["properties"]
    schema = {
        "type": "object",
        "required": ["file"],
        "additionalProperties": False,
        "properties": {"file": {"type": "string", "format": "binary"}, **fields},
    }
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


@router.post(
    "/upload",
    status_code=201,
    response_model=File | FileReceipt,
    responses=UPLOAD_PROBLEMS,
    openapi_extra=_form_body(),
)
async def upload_file(
    request: Request, principal: Uploader, incoming: IncomingFormFile, services: Services
) -> Response:
    """Upload one file as a form. It's checked while it streams and visible only when all of it is right.

    Where the owner's quota has no room, nothing is stored: 413 `quota_exceeded`. A body whose length isn't said
    and that is larger than 8 MiB needs room for the largest file there may be, until it has ended.
    """
    return created_answer(request, await services.uploads.upload(principal, incoming), principal)


@router.put(
    f"/raw/{{filename:{ANYTHING}}}",
    status_code=201,
    response_model=File | FileReceipt,
    responses=UPLOAD_PROBLEMS,
    openapi_extra={"requestBody": {"required": True, **BYTES}},
)
async def upload_raw(
    request: Request,
    filename: Annotated[str, Path(description="No slash in it.", json_schema_extra={"pattern": "^[^/]+$"})],
    principal: Uploader,
    fields: Annotated[UploadFields, Query()],
    services: Services,
    idempotency_key: IdempotencyHeader = None,
) -> Response:
    """Upload one file as the bare body, as `curl -T` does. Every call creates a file."""
    if "/" in filename:
        raise InvalidFilename("A file's name has no slash; give the folder as ?folder=.")
    details = fields.to_details()
    length = content_length(request)
    incoming = IncomingFile(
        filename=filename,
        declared_type=request.headers.get("content-type"),
        least_bytes=length,
        most_bytes=length,
        chunks=body_of(request),
        room=room_of(request),
        details=lambda: details,
        route="raw",
        idempotency_key=idempotency_key,
    )
    return created_answer(request, await services.uploads.upload(principal, incoming), principal)


@router.get(
    "/{file_id:uuid}",
    response_model=File | SharedFile | PublicFile,
    responses=FILE_PROBLEMS,
    openapi_extra=FOR_ANYONE,
)
async def get_file(file_id: UUID, principal: CurrentPrincipal, services: Services) -> Response:
    """The record: whole for its owner, without `s3_key` for those to whom it was granted.

    Others see a public file without `owner_id`, `metadata` and `description`, too.
    """
    return record_answer(await services.reader.get(principal, file_id), principal)


@router.head("/{file_id:uuid}", responses=FILE_PROBLEMS, openapi_extra=FOR_ANYONE)
async def head_file(file_id: UUID, principal: CurrentPrincipal, services: Services) -> Response:
    """The record's headers."""
    return record_answer(await services.reader.get(principal, file_id), principal)


@router.get(
    "/{file_id:uuid}/metadata", response_model=StoreMetadata, responses=problem_responses(401, 403, 404, 409, 422, 503)
)
async def get_store_metadata(file_id: UUID, principal: Reader, services: Services) -> StoreMetadata:
    """What the store says about the file."""
    return StoreMetadata.of(*await services.reader.store_metadata(principal, file_id))


@router.get("/{file_id:uuid}/exists", response_model=ExistsAnswer, responses=problem_responses(401, 403, 422, 503))
async def file_exists(file_id: UUID, principal: Reader, services: Services) -> ExistsAnswer:
    """Whether the file is there; unknown and neither yours nor granted to you look alike."""
    existence = await services.reader.existence(principal, file_id)
    return ExistsAnswer(exists=existence.exists, in_registry=existence.in_registry, in_store=existence.in_store)


@router.post(
    "/{file_id:uuid}/copy",
    status_code=201,
    response_model=File,
    responses=CHANGE_PROBLEMS | problem_responses(413, 415),
)
async def copy_file(
    request: Request,
    file_id: UUID,
    principal: Sharer,
    services: Services,
    changes: CopyRequest | None = None,
    idempotency_key: IdempotencyHeader = None,
) -> Response:
    """A new file with the same bytes; none of them passes the API.

    The copy of a file granted to you is yours. It counts for its owner's quota like any other.
    """
    wanted = (changes or CopyRequest()).to_changes()
    copy = await services.lifecycle.copy(principal, file_id, wanted, idempotency_key=idempotency_key)
    return created_answer(request, copy, principal)


@router.delete("/{file_id:uuid}", status_code=204, responses=CHANGE_PROBLEMS)
async def delete_file(
    file_id: UUID, principal: Writer, services: Services, hard_delete: bool = False, if_match: IfMatch = None
) -> Response:
    """Hide a file, or with `hard_delete` remove it for good."""
    if hard_delete:
        await services.lifecycle.hard_delete(principal, file_id, if_match=if_match)
    else:
        await services.lifecycle.delete(principal, file_id, if_match=if_match)
    return Response(status_code=204)


@router.post("/{file_id:uuid}/restore", response_model=File | FileReceipt, responses=CHANGE_PROBLEMS)
async def restore_file(file_id: UUID, principal: Writer, services: Services, if_match: IfMatch = None) -> Response:
    """Undo a soft delete."""
    return record_answer(await services.lifecycle.restore(principal, file_id, if_match=if_match), principal)
