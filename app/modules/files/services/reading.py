"""Everything that only looks at single files: records, what the store says, downloads and URLs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import structlog

from app.config import StoreSettings
from app.core.clock import utc_now
from app.core.database import Database
from app.core.exceptions import Forbidden, HoldfastError
from app.core.http_conditions import ByteRange, Validators, applicable_range, is_unchanged, require_match
from app.core.presence import Checkpoint
from app.core.s3.errors import ObjectChanged, ObjectNotFound, StorageUnavailable
from app.core.s3.objects import ObjectHead
from app.core.s3.streams import ObjectStream
from app.modules.auth.principal import Principal, Scope
from app.modules.files.exceptions import FileNotAvailable, FileNotFound
from app.modules.files.models import FileStatus, FileUpload, StoredObject
from app.modules.files.repository import FileRepository
from app.modules.files.s3_service import FileStore
from app.modules.files.services.chunks import chunks
from app.modules.files.services.records import is_deleted
from app.modules.files.visibility import is_entrusted_to, is_owned_by

log = structlog.get_logger()
T = TypeVar("T")
Look = Callable[[Principal, FileUpload], Awaitable[FileUpload]]


@dataclass(frozen=True)
class Existence:
    """Whether a file is known, and whether its bytes are there."""

    exists: bool
    in_registry: bool
    in_store: bool


@dataclass(frozen=True)
class DownloadUrl:
    """A presigned GET; it may live shorter than was asked for."""

    url: str
    expires_in_seconds: int
    expires_at: datetime


@dataclass(frozen=True)
class Download:
    """An answer to a download request: which bytes, and the stream of them unless none are to be sent."""

    file: FileUpload
    size_bytes: int
    validators: Validators
    byte_range: ByteRange | None
    is_unchanged: bool
    stream: ObjectStream | None

    async def chunks(self, most_bytes: int) -> AsyncIterator[bytes]:
        """The bytes, so many at a time. Whoever iterates closes afterwards, however it ends."""
        if self.stream is None:
            return
        left = self.stream.length
        while left > 0:
            chunk = await self.stream.read(min(most_bytes, left))
            if not chunk:
                # Ending here would look like a whole file to a client that doesn't count.
                raise StorageUnavailable("The store broke off in the middle of the file.")
            left -= len(chunk)
            yield chunk
        log.info("s3_file_downloaded_bytes", file_id=str(self.file.id), size_bytes=self.stream.length)

    def close(self) -> None:
        """Give the store's connection back."""
        if self.stream is not None:
            self.stream.close()


class ReadService:
    """Answers questions about files the caller may see."""

    def __init__(self, database: Database, store: FileStore, settings: StoreSettings) -> None:
        self._database = database
        self._store = store
        self._settings = settings
        self._look: Look | None = None

    def when_pending(self, look: Look) -> None:
        """Ask `look` whether a pending file has become available meanwhile."""
        self._look = look

    @property
    def redirect_ttl_seconds(self) -> int:
        """How long the URL of `?redirect=true` lives."""
        return self._settings.download_url_expiry

    async def get(self, principal: Principal, file_id: UUID) -> FileUpload:
        """The record of a file that is the caller's, granted to it, or public."""
        if principal.subject is not None:
            principal.require(Scope.READ)
        async with self._database.transaction() as session:
            file = await FileRepository(session).readable(principal, file_id)
        if file is None:
            if principal.subject is None:
                # Without a credential nobody learns whether the id exists.
                principal.require(Scope.READ)
            raise FileNotFound
        if file.status == FileStatus.PENDING and self._look is not None:
            return await self._look(principal, file)
        return file

    async def store_metadata(self, principal: Principal, file_id: UUID) -> tuple[FileUpload, StoredObject, ObjectHead]:
        """What the store says about a file that the caller owns or was granted."""
        principal.require(Scope.READ)

        async def answer(file: FileUpload) -> tuple[FileUpload, StoredObject, ObjectHead]:
            if not is_entrusted_to(principal, file):
                raise Forbidden("The file is public; what the store says about it is for its owner to see.")
            stored = _readable_object(file)
            return file, stored, await self._store.head(stored.key)

        return await self._of_current_object(principal, file_id, answer)

    async def existence(self, principal: Principal, file_id: UUID) -> Existence:
        """Whether registry and store have a file; one that isn't entrusted to the caller looks like none."""
        principal.require(Scope.READ)
        async with self._database.transaction() as session:
            file = await FileRepository(session).entrusted(principal, file_id)
        if file is None:
            return Existence(exists=False, in_registry=False, in_store=False)
        try:
            _readable_object(file)
        except (FileNotFound, FileNotAvailable):
            is_visible = False
        else:
            is_visible = True
        try:
            in_store = file.current_object is not None and bool(await self._store.head(file.current_object.key))
        except ObjectNotFound:
            if await self._has_other_object(principal, file):
                return await self.existence(principal, file_id)
            in_store = False
        return Existence(exists=is_visible and in_store, in_registry=True, in_store=in_store)

    async def _has_other_object(self, principal: Principal, file: FileUpload) -> bool:
        """Whether the file's bytes were replaced, or it was removed, since it was read."""
        async with self._database.transaction() as session:
            current = await FileRepository(session).entrusted(principal, file.id)
        return current is None or current.current_object_id != file.current_object_id

    async def download(
        self, principal: Principal, file_id: UUID, headers: Mapping[str, str], *, with_body: bool
    ) -> Download:
        """Decide what a GET or HEAD of the bytes is answered with, and open the stream if there is one.

        Range, If-Range and the conditions are read from `headers`, the request's. HEAD comes
        without `with_body` and asks the store nothing.
        """

        async def answer(file: FileUpload) -> Download:
            stored = _readable_object(file)
            size_bytes = stored.size_bytes or 0
            validators = Validators(content_etag(stored), stored.created_at)
            require_match(headers, validators)
            if is_unchanged(headers, validators):
                return Download(file, size_bytes, validators, None, is_unchanged=True, stream=None)
            byte_range = applicable_range(headers, validators, size_bytes) if with_body else None
            wanted = byte_range or ByteRange(0, size_bytes - 1)
            stream = await self._store.open(stored, first=wanted.first, last=wanted.last) if with_body else None
            return Download(file, size_bytes, validators, byte_range, is_unchanged=False, stream=stream)

        return await self._of_current_object(principal, file_id, answer)

    async def _of_current_object(
        self, principal: Principal, file_id: UUID, ask: Callable[[FileUpload], Awaitable[T]]
    ) -> T:
        """What `ask` finds out from the store; asked again where the file's bytes were replaced meanwhile.

        Raises:
            FileNotFound: the file's object is not there.
        """
        file = await self.get(principal, file_id)
        while True:
            try:
                return await ask(file)
            except (ObjectNotFound, ObjectChanged) as error:
                asked = file.current_object_id
                file = await self.get(principal, file_id)
                if file.current_object_id == asked and not is_deleted(file):
                    raise _lost(file) from error

    async def download_url(
        self, principal: Principal, file_id: UUID, *, ttl_seconds: int | None, force_download: bool
    ) -> DownloadUrl:
        """A presigned GET, never longer-lived than the caller may have it, the file, or the keys that sign it."""
        file = await self.get(principal, file_id)
        url = await self._url_of(principal, file, ttl_seconds, force_download=force_download)
        log.info("presigned_url_generated", file_id=str(file_id), expires_in_seconds=url.expires_in_seconds)
        return url

    async def download_urls(
        self,
        principal: Principal,
        file_ids: Sequence[UUID],
        checkpoint: Checkpoint,
        *,
        ttl_seconds: int | None,
        force_download: bool,
    ) -> list[tuple[UUID, DownloadUrl | HoldfastError]]:
        """The same for many files, each on its own: what is wrong with one says nothing of the others.

        What `checkpoint` raises between some files and the next ends the work.
        """
        principal.require(Scope.READ)
        results: list[tuple[UUID, DownloadUrl | HoldfastError]] = []
        for chunk in chunks(file_ids):
            await checkpoint()
            async with self._database.transaction() as session:
                files = await FileRepository(session).readable_of(principal, chunk)
            for file_id in chunk:
                file = files.get(file_id)
                try:
                    url = (
                        await self._url_of(principal, file, ttl_seconds, force_download=force_download)
                        if file
                        else None
                    )
                except (FileNotFound, FileNotAvailable) as error:
                    results.append((file_id, error))
                else:
                    results.append((file_id, url or FileNotFound()))
        # One line for all: a thousand would take longer to write than the URLs to sign.
        log.info("presigned_urls_generated", count=sum(isinstance(result, DownloadUrl) for _, result in results))
        return results

    async def _url_of(
        self, principal: Principal, file: FileUpload, ttl_seconds: int | None, *, force_download: bool
    ) -> DownloadUrl:
        stored = _readable_object(file)
        wanted = ttl_seconds or self._settings.presigned_url_expiry
        limits = [float(self._settings.longest_url_seconds(wanted, is_owner=is_owned_by(principal, file)))]
        if file.expires_at is not None:
            left = (file.expires_at - utc_now()).total_seconds()
            if left < 1:
                # No URL lives for less than a second, and none may outlive its file.
                raise FileNotFound("The file expires within a second.")
            limits.append(left)
        lifetime = await self._store.credentials_lifetime_seconds()
        if lifetime is not None:
            limits.append(lifetime)
        ttl = max(1, int(min(limits)))
        issued_at = utc_now()
        url = await self._store.presign_download(file, stored, ttl_seconds=ttl, force=force_download)
        return DownloadUrl(url, ttl, issued_at + timedelta(seconds=ttl))


def content_etag(stored: StoredObject) -> str:
    """The ETag of the bytes: their SHA-256 where it's known. The store's own changes when an object is copied."""
    return f'"sha256-{stored.sha256}"' if stored.sha256 else f'"obj-{stored.id}"'


def _readable_object(file: FileUpload) -> StoredObject:
    if is_deleted(file):
        raise FileNotFound("The file was deleted; its owner can restore it.")
    if file.status != FileStatus.AVAILABLE or file.current_object is None:
        raise FileNotAvailable(f"The file is {file.status}; its bytes can't be read.")
    return file.current_object


def _lost(file: FileUpload) -> FileNotFound:
    """The registry says that there is an object, and the store says there is none: an operator has to know."""
    log.error("stored_object_missing", file_id=str(file.id))
    return FileNotFound("The file's content is missing; the operator has been told.")
