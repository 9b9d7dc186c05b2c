"""The routes by which bytes leave: downloads, and presigned URLs that read from the store directly."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from app.config import SIGV4_MAX_EXPIRY_SECONDS
from app.core.bounded_route import BoundedRoute
from app.core.exceptions import HoldfastError
from app.core.presence import while_connected
from app.core.problems import Problem, problem_of, problem_responses
from app.core.streaming import ClosingStream
from app.modules.auth.dependencies import CurrentPrincipal, Reader
from app.modules.files.answers import FOR_ANYONE
from app.modules.files.content import is_inline_safe
from app.modules.files.dependencies import ReaderPlace, Services
from app.modules.files.disposition import content_disposition
from app.modules.files.schemas import (
    EXPIRY_DESCRIPTION,
    PresignedUrl,
    PresignedUrlResult,
    PresignedUrlResults,
    PresignedUrlsRequest,
)
from app.modules.files.services.reading import Download, DownloadUrl
from app.modules.rates.batches import admitted_batch
from app.modules.rates.transfers import READER_CHUNK_BYTES

router = APIRouter(prefix="/files", tags=["files"], redirect_slashes=False, route_class=BoundedRoute)

# Of whatever type the file is.
ANY_BYTES = {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


CONDITIONS = [
    _header("If-Match", "412 unless the content has this ETag."),
    _header("If-None-Match", "304 if the content has this ETag."),
    _header("If-Modified-Since", "304 if the content is no newer than this HTTP date."),
    _header("If-Unmodified-Since", "412 if the content is newer than this HTTP date."),
]
RANGES = [
    _header("Range", "`bytes=0-1023`; of several ranges, and of what can't be read, the whole is sent."),
    _header("If-Range", "An ETag or a date: the range counts only if the content is still that."),
]


@router.post(
    "/presigned-urls", response_model=PresignedUrlResults, responses=problem_responses(401, 403, 413, 422, 503)
)
async def presign_downloads(
    request: Request, principal: Reader, wanted: PresignedUrlsRequest, services: Services
) -> Response:
    """URLs for up to 1,000 files at once, each with its own result; counted as a batch is."""
    async with admitted_batch(request, weight=len(wanted.ids)):
        signed = await services.reader.download_urls(
            principal,
            wanted.ids,
            while_connected(request),
            ttl_seconds=wanted.expiry,
            force_download=wanted.force_download,
        )
    results = [
        PresignedUrlResult(id=file_id, status=type(result).status, error=Problem(**problem_of(result)))
        if isinstance(result, HoldfastError)
        else PresignedUrlResult(id=file_id, status=200, url=_shown(result))
        for file_id, result in signed
    ]
    body = PresignedUrlResults(results=results).model_dump(mode="json", exclude_none=True)
    return JSONResponse(body)


def _shown(url: DownloadUrl) -> PresignedUrl:
    return PresignedUrl(url=url.url, expires_in=url.expires_in_seconds, expires_at=url.expires_at)


@router.get(
    "/{file_id:uuid}/download",
    response_class=Response,
    responses={
        200: {"description": "The bytes.", **ANY_BYTES},
        206: {"description": "The range asked for.", **ANY_BYTES},
        304: {"description": "Unchanged."},
        307: {"description": "With redirect=true: to a presigned URL."},
        **problem_responses(401, 403, 404, 409, 412, 416, 422, 503),
    },
    openapi_extra={**FOR_ANYONE, "parameters": [*CONDITIONS, *RANGES]},
)
async def download_file(
    request: Request,
    file_id: UUID,
    principal: CurrentPrincipal,
    services: Services,
    place: ReaderPlace,
    as_attachment: bool = False,
    redirect: bool = False,
) -> Response:
    """The bytes, whole or a range; what a browser could run always comes as an attachment.

    A caller reads so many files at once; one more waits up to 5 s, then it is 429 `too_many_downloads`. Whoever takes
    nothing for the idle time-out is cut off, sooner while others wait for a place.
    """
    if redirect:
        ttl = services.reader.redirect_ttl_seconds
        url = await services.reader.download_url(principal, file_id, ttl_seconds=ttl, force_download=as_attachment)
        return RedirectResponse(url.url, status_code=307)
    await place.take()
    download = await services.reader.download(principal, file_id, request.headers, with_body=True)
    if download.is_unchanged:
        return Response(status_code=304, headers=_content_headers(download, as_attachment=as_attachment))
    headers = _content_headers(download, as_attachment=as_attachment) | _length_headers(download)
    status_code = 206 if download.byte_range else 200
    return ClosingStream(download.chunks(READER_CHUNK_BYTES), download.close, status_code=status_code, headers=headers)


@router.head(
    "/{file_id:uuid}/download",
    response_class=Response,
    responses={304: {"description": "Unchanged."}, **problem_responses(401, 403, 404, 409, 412, 422, 503)},
    openapi_extra={**FOR_ANYONE, "parameters": CONDITIONS},
)
async def head_download(
    request: Request, file_id: UUID, principal: CurrentPrincipal, services: Services, as_attachment: bool = False
) -> Response:
    """The headers of a download; the store is not asked."""
    download = await services.reader.download(principal, file_id, request.headers, with_body=False)
    headers = _content_headers(download, as_attachment=as_attachment)
    if download.is_unchanged:
        return Response(status_code=304, headers=headers)
    return Response(headers=headers | _length_headers(download))


def _content_headers(download: Download, *, as_attachment: bool) -> dict[str, str]:
    file = download.file
    is_inline = not as_attachment and is_inline_safe(file.content_type)
    return {
        "ETag": download.validators.etag,
        "Last-Modified": download.validators.http_date,
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-cache" if file.is_public else "private, no-cache",
        "Vary": "Authorization",
        "Content-Disposition": content_disposition(file.filename, attachment=not is_inline),
        "X-Content-Type-Options": "nosniff",
        # An inline PDF needs the browser's own viewer, which a sandbox would lock out.
        "Content-Security-Policy": "default-src 'none'; img-src 'self'; media-src 'self'; object-src 'self'"
        if is_inline
        else "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "cross-origin" if file.is_public else "same-site",
    }


def _length_headers(download: Download) -> dict[str, str]:
    headers = {"Content-Type": download.file.content_type, "Content-Length": str(download.size_bytes)}
    if download.byte_range:
        first, last = download.byte_range.first, download.byte_range.last
        headers["Content-Range"] = f"bytes {first}-{last}/{download.size_bytes}"
        headers["Content-Length"] = str(download.byte_range.length)
    return headers


@router.get(
    "/{file_id:uuid}/presigned-url",
    response_model=PresignedUrl,
    responses=problem_responses(401, 403, 404, 409, 422, 503),
    openapi_extra=FOR_ANYONE,
)
async def presign_download(
    file_id: UUID,
    principal: CurrentPrincipal,
    services: Services,
    expiry: Annotated[int | None, Query(ge=1, le=SIGV4_MAX_EXPIRY_SECONDS, description=EXPIRY_DESCRIPTION)] = None,
    force_download: bool = False,
) -> Response:
    """A URL that reads the file from the store directly."""
    url = await services.reader.download_url(principal, file_id, ttl_seconds=expiry, force_download=force_download)
    return JSONResponse(_shown(url).model_dump(mode="json"))
