"""Brings services and incoming files into the routes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from app.config import UploadSettings
from app.core.exceptions import FieldError, Invalid
from app.core.memory_budget import Room
from app.core.multipart_form import (
    MAX_FIELD_BYTES,
    MAX_FIELDS,
    FormEvent,
    FormField,
    FormFile,
    FormReader,
    boundary_of,
)
from app.core.pace import Pace
from app.core.request_body import paced_body
from app.core.unread_answers import reader_pace
from app.modules.auth.dependencies import Writer
from app.modules.auth.principal import Principal
from app.modules.files.names import unescape_form_filename
from app.modules.files.schemas import UploadFields
from app.modules.files.services.batch import BatchService
from app.modules.files.services.cleanup import CleanupService
from app.modules.files.services.editing import EditService
from app.modules.files.services.lifecycle import LifecycleService
from app.modules.files.services.listing import ListingService
from app.modules.files.services.reading import ReadService
from app.modules.files.services.removal import RemovalService
from app.modules.files.services.replacing import ReplaceService
from app.modules.files.services.uploading import IncomingFile, UploadDetails, UploadService
from app.modules.rates.callers import counted_caller
from app.modules.rates.transfers import Transfers, take_reader_room

# What a form may hold besides the file: all its fields, and headers and boundaries.
FORM_OVERHEAD_BYTES = MAX_FIELDS * MAX_FIELD_BYTES + 65_536


@dataclass(frozen=True)
class FileServices:
    """The module's services, built once."""

    uploads: UploadService
    reader: ReadService
    listing: ListingService
    lifecycle: LifecycleService
    editing: EditService
    replacing: ReplaceService
    batch: BatchService
    cleanup: CleanupService
    removal: RemovalService
    upload_settings: UploadSettings


async def file_services(request: Request) -> FileServices:
    """The services of this process. Async like all dependencies here: FastAPI would run a plain one in a thread."""
    services: FileServices = request.app.state.file_services
    return services


Services = Annotated[FileServices, Depends(file_services)]


async def uploader(request: Request, principal: Writer, services: Services) -> AsyncIterator[Principal]:
    """A caller who may write and sends no more than so many files at once; asked before the first byte, too."""
    transfers: Transfers = request.app.state.transfers
    settings = services.upload_settings
    pace = Pace(settings.idle_timeout_seconds, settings.min_bytes_per_second)
    async with transfers.uploads.place(await counted_caller(request), pace) as room:
        request.state.room = room
        yield principal


# Its end comes before the answer: who has it may send the next file.
Uploader = Annotated[Principal, Depends(uploader, scope="function")]


class DownloadPlace:
    """Where one download may be; taken once it's known that there will be bytes.

    Args:
        request: the download's.
        stack: gives the place back when the answer has ended.
    """

    def __init__(self, request: Request, stack: AsyncExitStack) -> None:
        self._request = request
        self._stack = stack

    async def take(self) -> None:
        """Wait for a place among the caller's own, then for one among all.

        Raises:
            TooManyDownloads: the caller has as many as it may have.
            StorageBusy: all places are taken.
        """
        request = self._request
        transfers: Transfers = request.app.state.transfers
        caller, pace = await counted_caller(request), reader_pace(request.scope)
        await take_reader_room(await self._stack.enter_async_context(transfers.downloads.place(caller, pace)))


async def download_place(request: Request) -> AsyncIterator[DownloadPlace]:
    """A place that nobody holds yet; its end comes after the answer."""
    async with AsyncExitStack() as stack:
        yield DownloadPlace(request, stack)


ReaderPlace = Annotated[DownloadPlace, Depends(download_place, scope="request")]

IdempotencyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]+$",
        description="The same request with the same key creates nothing a second time; kept for 24 hours.",
    ),
]


def content_length(request: Request) -> int | None:
    """How many bytes the body has, if the client says so; the server has checked that it's a number."""
    header = request.headers.get("content-length")
    return None if header is None else int(header)


def room_of(request: Request) -> Room:
    """The memory of an `uploader`'s request."""
    room: Room = request.state.room
    return room


def body_of(request: Request) -> AsyncIterator[bytes]:
    """The body of an `uploader`'s request as it arrives, from a client that keeps sending."""
    return paced_body(request, room_of(request).pace)


def details_of(fields: dict[str, str]) -> UploadDetails:
    """Form fields as the service takes them.

    Raises:
        RequestValidationError: a field is wrong or unknown; it's named.
    """
    try:
        return UploadFields.model_validate(fields).to_details()
    except ValidationError as error:
        raise RequestValidationError(
            [{**item, "loc": ("body", *item["loc"])} for item in error.errors(include_input=False)]
        ) from error


class _UploadForm:
    """One form with one file in it, read as it arrives."""

    def __init__(self, events: AsyncIterator[FormEvent]) -> None:
        self._events = events
        self._fields: dict[str, str] = {}

    def details(self) -> UploadDetails:
        """What the fields say that have arrived so far."""
        return details_of(self._fields)

    async def first_file(self) -> FormFile:
        """The file's beginning; what stands before it is kept."""
        async for event in self._events:
            if isinstance(event, FormField):
                self._keep(event)
            elif isinstance(event, FormFile):
                return _checked(event)
        raise _wrong("file", "is missing: send the file as a part named 'file' with a filename")

    async def chunks(self) -> AsyncIterator[bytes]:
        """The file's bytes; they end when the whole form has been read, with the fields behind the file."""
        async for event in self._events:
            if isinstance(event, bytes):
                yield event
            elif isinstance(event, FormField):
                self._keep(event)
            elif isinstance(event, FormFile):
                raise _wrong(event.name, "is a second file; send one file a request")

    def _keep(self, field: FormField) -> None:
        if field.name in self._fields:
            raise _wrong(field.name, "stands in the form twice")
        self._fields[field.name] = field.value


def _checked(file: FormFile) -> FormFile:
    if file.name != "file":
        raise _wrong(file.name, "is not the part for the file; name it 'file'")
    if not file.filename:
        raise _wrong("file", "no file was chosen")
    return file


async def form_file(request: Request, _uploader: Uploader, idempotency_key: IdempotencyHeader = None) -> IncomingFile:
    """The file of a multipart form, read up to its first byte.

    Raises:
        Invalid: the form has no file, or two.
    """
    boundary = boundary_of(request.headers.get("content-type"))
    form = _UploadForm(FormReader(boundary, body_of(request)).events())
    file = await form.first_file()
    total = content_length(request)
    return IncomingFile(
        filename=unescape_form_filename(file.filename),
        declared_type=file.content_type,
        least_bytes=None if total is None else max(0, total - FORM_OVERHEAD_BYTES),
        most_bytes=total,
        chunks=form.chunks(),
        room=room_of(request),
        details=form.details,
        route="upload",
        idempotency_key=idempotency_key,
    )


IncomingFormFile = Annotated[IncomingFile, Depends(form_file)]


def _wrong(field: str, detail: str) -> Invalid:
    return Invalid("The form can't be taken; see errors.", errors=(FieldError(f"body.{field}", detail),))
