"""The routes under /files/uppy: one signs, four stand in for S3 where the plugin would call it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from app.core.bounded_route import BoundedRoute
from app.core.buffered_bodies import BoundedRequest
from app.core.clock import utc_now
from app.core.exceptions import Forbidden, HoldfastError
from app.core.problems import problem_responses
from app.modules.auth.dependencies import CurrentPrincipal, Keys, Writer
from app.modules.auth.principal import Principal
from app.modules.files.dependencies import IdempotencyHeader
from app.modules.files.models import FileStatus
from app.modules.files.services.reading import content_etag
from app.modules.uploads import uppy_xml
from app.modules.uploads.dependencies import Uploads, UploadServices
from app.modules.uploads.exceptions import UploadExpired, UploadRejected
from app.modules.uploads.models import UploadMethod
from app.modules.uploads.part_plan import MAX_PARTS, PartPlan
from app.modules.uploads.services.completion import OpenUpload
from app.modules.uploads.services.creation import UploadWish
from app.modules.uploads.uppy import SignedAddress, SignRequest, Step, wish_of
from app.modules.uploads.uppy_tokens import Operation

log = structlog.get_logger()
# Exactly this: with any parameter behind it the plugin doesn't read an error's code.
XML = "application/xml"
SERVER_ERROR = 500
NEW_FILES = {Step.PUT_FILE: UploadMethod.PUT, Step.CREATE: UploadMethod.MULTIPART}
Token = Annotated[str, Query(description="From `/files/uppy/sign`; worth this one operation on this one upload.")]


class S3Route(BoundedRoute):
    """Answers failures as S3 does, for a client that takes us for it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own, within."""
        handle = super().get_route_handler()

        async def handle_as_s3(request: Request) -> Response:
            try:
                return await handle(request)
            except HoldfastError as error:
                status, body = uppy_xml.error_of(error)
                level = "error" if status >= SERVER_ERROR else "info"
                await getattr(log, f"a{level}")("request_refused", code=type(error).code, status=status)
                retry = {} if error.retry_after_seconds is None else {"Retry-After": str(error.retry_after_seconds)}
                return Response(body, status, {**error.headers, **retry}, XML)

        return handle_as_s3


router = APIRouter(prefix="/files/uppy", tags=["stock upload clients"], redirect_slashes=False, route_class=S3Route)

CONTROL_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": "S3's `<Error>`.", "content": {XML: {}}}
    for status in (400, 401, 403, 404, 409, 413, 422, 503)
}
CONTROL_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "S3's XML.", "content": {XML: {}}},
    **CONTROL_PROBLEMS,
}
# The token in the address is enough.
TOKEN_ONLY: dict[str, Any] = {"security": [{}]}
_PART = {
    "type": "object",
    "required": ["PartNumber", "ETag"],
    "properties": {
        "PartNumber": {"type": "integer", "minimum": 1, "maximum": MAX_PARTS},
        "ETag": {"type": "string", "pattern": rf'^\s*"?{uppy_xml.ETAG.pattern}"?\s*$'},
    },
}
COMPLETION_BODY: dict[str, Any] = {
    "type": "object",
    "xml": {"name": "CompleteMultipartUpload"},
    "required": ["Part"],
    "additionalProperties": False,
    "properties": {"Part": {"type": "array", "minItems": 1, "maxItems": MAX_PARTS, "items": _PART}},
}


async def sign_for_uppy(
    request: Request,
    principal: Writer,
    wanted: SignRequest,
    uploads: Uploads,
    idempotency_key: IdempotencyHeader = None,
) -> Response:
    """For `signRequest` of @uppy/aws-s3 6: bytes go to the store, everything else to addresses of ours.

    A single PUT has no completion call: the file becomes available when its record is read.
    """
    step = wanted.step()
    if step in NEW_FILES:
        address = await _new_file(request, principal, wish_of(wanted, NEW_FILES[step], idempotency_key), uploads)
    else:
        address = await _step(request, principal, wanted, uploads)
    return JSONResponse(address.model_dump(exclude_none=True))


# Pages' own code calls this one, and it shows problems.
router.add_api_route(
    "/sign",
    sign_for_uppy,
    methods=["POST"],
    response_model=SignedAddress,
    responses=problem_responses(401, 403, 404, 409, 410, 413, 415, 422, 503),
    route_class_override=BoundedRoute,
)


async def _new_file(request: Request, principal: Principal, wish: UploadWish, uploads: UploadServices) -> SignedAddress:
    file, offer = await uploads.creation.create(principal, wish)
    if offer.url is not None:
        return SignedAddress(url=offer.url, key=str(file.id), headers=offer.headers)
    return SignedAddress(
        url=await _control_url(request, principal, file.id, Operation.CREATE, uploads), key=str(file.id)
    )


async def _step(request: Request, principal: Principal, wanted: SignRequest, uploads: UploadServices) -> SignedAddress:
    upload_id = wanted.upload_id or UUID(int=0)
    is_to_end = wanted.step() is Step.ABORT
    opened = await (uploads.completion.find if is_to_end else uploads.completion.resume)(principal, upload_id)
    if wanted.part_number is None:
        operation = Operation(wanted.step())
        return SignedAddress(url=await _control_url(request, principal, opened.file.id, operation, uploads))
    numbers = [wanted.part_number]
    part = (await uploads.offers.parts(opened.file, opened.upload, opened.stored, numbers, {}))[0]
    return SignedAddress(url=part.request.url, headers=part.request.headers)


async def _control_url(
    request: Request, principal: Principal, file_id: UUID, operation: Operation, uploads: UploadServices
) -> str:
    await uploads.control_tokens.ready()
    token = uploads.control_tokens.issue(principal, file_id, operation)
    return f"{_absolute(request, f'uppy_{operation}', file_id, uploads)}?token={token}"


def _absolute(request: Request, route: str, file_id: UUID, uploads: UploadServices) -> str:
    """An address as the caller reaches us: the page may be of another origin."""
    url = request.url_for(route, file_id=file_id)
    if uploads.public_url is not None:
        return f"{uploads.public_url}{url.path}"
    # Browsers refuse plain HTTP from an HTTPS page. Whoever invents the header misleads nobody but himself.
    is_https = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip() == "https"
    return str(url.replace(scheme="https") if is_https else url)


def _signed_for(operation: Operation) -> Callable[..., Coroutine[Any, Any, Principal]]:
    """Finds for whom the address was signed; asked before a body is read."""

    async def caller(
        file_id: UUID, principal: CurrentPrincipal, uploads: Uploads, keys: Keys, token: Token = ""
    ) -> Principal:
        # A credential isn't needed, but a stranger's spoils the token, and so does the end of the key behind it.
        await uploads.control_tokens.ready()
        owner = uploads.control_tokens.check(token, file_id, operation)
        if principal.subject not in {None, owner.subject}:
            raise Forbidden("The address was signed for another caller.")
        if owner.key_id is not None:
            await keys.require_live(owner.key_id)
        return owner

    return caller


@router.post(
    "/{file_id:uuid}/create",
    name="uppy_create",
    response_class=Response,
    responses=CONTROL_RESPONSES,
    openapi_extra=TOKEN_ONLY,
)
async def create_for_uppy(
    file_id: UUID, caller: Annotated[Principal, Depends(_signed_for(Operation.CREATE))], uploads: Uploads
) -> Response:
    """CreateMultipartUpload: `/sign` has begun it; here the plugin learns its id, as often as it asks."""
    opened = await uploads.completion.resume(caller, file_id)
    return _xml(uppy_xml.initiated(str(opened.file.id)))


@router.get(
    "/{file_id:uuid}/parts",
    name="uppy_list",
    response_class=Response,
    responses=CONTROL_RESPONSES,
    openapi_extra=TOKEN_ONLY,
)
async def list_for_uppy(
    file_id: UUID, caller: Annotated[Principal, Depends(_signed_for(Operation.LIST))], uploads: Uploads
) -> Response:
    """ListParts: what arrived so far, for a client that resumes."""
    opened = await uploads.completion.resume(caller, file_id)
    if opened.file.status in {FileStatus.AVAILABLE, FileStatus.VERIFYING}:
        # Complete, but the client never heard of it: it shall send nothing again and complete once more.
        return _xml(uppy_xml.listed(str(file_id), [(number, '"complete"') for number in _numbers(opened)]))
    if opened.file.status == FileStatus.REJECTED:
        raise UploadRejected(opened.file.rejection_detail)
    if opened.file.status != FileStatus.PENDING or opened.upload.expires_at <= utc_now():
        raise UploadExpired
    parts = await uploads.completion.stored_parts(opened)
    return _xml(uppy_xml.listed(str(file_id), [(part.number, part.etag) for part in parts]))


def _numbers(opened: OpenUpload) -> range:
    plan = PartPlan(opened.upload.declared_bytes, opened.upload.part_bytes or opened.upload.declared_bytes)
    return range(1, plan.count + 1)


@router.post(
    "/{file_id:uuid}/complete",
    name="uppy_complete",
    response_class=Response,
    responses=CONTROL_RESPONSES,
    openapi_extra={**TOKEN_ONLY, "requestBody": {"required": True, "content": {XML: {"schema": COMPLETION_BODY}}}},
)
async def complete_for_uppy(
    request: BoundedRequest,
    file_id: UUID,
    caller: Annotated[Principal, Depends(_signed_for(Operation.COMPLETE))],
    uploads: Uploads,
) -> Response:
    """CompleteMultipartUpload: verified and made available, once or often."""
    # 10,000 parts as the plugin writes them fit into the largest body that is read.
    parts = await request.work(partial(uppy_xml.parts_of, await request.body()))
    file = await uploads.completion.complete(caller, file_id, parts)
    etag = content_etag(file.current_object) if file.current_object else ""
    return _xml(uppy_xml.completed(str(file_id), _absolute(request, "get_file", file_id, uploads), etag))


@router.delete(
    "/{file_id:uuid}",
    name="uppy_abort",
    status_code=204,
    response_class=Response,
    responses=CONTROL_PROBLEMS,
    openapi_extra=TOKEN_ONLY,
)
async def abort_for_uppy(
    file_id: UUID, caller: Annotated[Principal, Depends(_signed_for(Operation.ABORT))], uploads: Uploads
) -> Response:
    """AbortMultipartUpload: the upload goes with all that was sent."""
    await uploads.completion.abort(caller, file_id)
    return Response(status_code=204)


def _xml(body: str) -> Response:
    return Response(body, media_type=XML)
