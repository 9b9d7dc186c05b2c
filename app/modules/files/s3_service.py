"""Files' bytes in the store: written part by part, read as streams, copied, signed for, removed.

Policy above the adapter `app.core.s3`: which way an upload goes, how much of it is in memory,
what a browser is told about a download.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.config import MEBIBYTE
from app.core.part_memory import PartMemory
from app.core.s3.adapter import S3
from app.core.s3.errors import ObjectNotFound, StorageUnavailable, UploadNotFound
from app.core.s3.listing import key_pages
from app.core.s3.objects import ObjectHead, PartTag
from app.core.s3.streams import ObjectStream
from app.core.tasks import task_group
from app.modules.files.content import is_inline_safe, presigned_type
from app.modules.files.disposition import content_disposition
from app.modules.files.models import FileUpload, StoredObject

MIN_PART_BYTES = 8 * MEBIBYTE
MAX_PARTS = 10_000
MAX_PARTS_IN_FLIGHT = 3
MEMORY_IN_FLIGHT_BYTES = 32 * MEBIBYTE
COPY_PART_BYTES = 512 * MEBIBYTE
READ_BYTES = MEBIBYTE
# What stores take where none is named.
STANDARD = "STANDARD"


@dataclass(frozen=True)
class ObjectTarget:
    """Where bytes go and what the store is told about them."""

    key: str
    file_id: UUID
    content_type: str
    storage_class: str

    @property
    def metadata(self) -> dict[str, str]:
        """All that the store's user metadata carries; the rest is the registry's."""
        return {"file-id": str(self.file_id)}


@dataclass(frozen=True)
class CopySource:
    """Exactly which bytes are copied.

    Args:
        key: of the object.
        size_bytes: of it.
        etag: the copy fails if it's another's by then.
        head: the object as the store shows it.
    """

    key: str
    size_bytes: int
    etag: str
    head: ObjectHead

    def is_plain(self, storage_class: str) -> bool:
        """Whether its writer told the store nothing that a copy might take over.

        A copy is asked to take over nothing, but some stores keep `Content-Encoding` anyway, and the storage class
        where the usual one is meant.
        """
        is_told = storage_class != STANDARD
        return not self.head.reader_headers and (is_told or self.head.storage_class == STANDARD)


def part_size_for(size_bytes: int) -> int:
    """Bytes a part, the same for all parts: some stores want them uniform, none takes more than 10,000."""
    whole_mebibytes = -(-size_bytes // (MAX_PARTS * MEBIBYTE))
    return max(MIN_PART_BYTES, whole_mebibytes * MEBIBYTE)


class FileStore:
    """What the services ask of the bucket.

    Args:
        s3: the adapter.
    """

    def __init__(self, s3: S3) -> None:
        self._s3 = s3
        self._copy_limit_bytes = s3.settings.copy_limit_bytes

    async def put(self, target: ObjectTarget, body: PartMemory) -> None:
        """Write a small file in one request."""
        await self._s3.put(
            target.key,
            body.view,
            content_type=target.content_type,
            metadata=target.metadata,
            storage_class=target.storage_class,
            lane=self._s3.uploads,
        )

    async def begin_multipart(self, target: ObjectTarget, *, has_part_checksums: bool = False) -> str:
        """Begin to write a large file; returns the store's upload id."""
        return await self._s3.multipart.create(
            target.key,
            content_type=target.content_type,
            metadata=target.metadata,
            storage_class=target.storage_class,
            has_part_checksums=has_part_checksums,
        )

    async def put_parts(
        self,
        key: str,
        upload_id: str,
        parts: AsyncIterator[PartMemory],
        *,
        part_bytes: int,
        on_sent: Callable[[PartMemory], None],
    ) -> list[PartTag]:
        """Write parts while the next ones arrive, a few at a time: memory stays flat however large the file.

        Args:
            key: where to.
            upload_id: the store's.
            parts: all of them, in order.
            part_bytes: how large they are.
            on_sent: is told of each part that isn't needed any more.
        """
        window = asyncio.Semaphore(max(1, min(MAX_PARTS_IN_FLIGHT, MEMORY_IN_FLIGHT_BYTES // part_bytes)))
        sending: list[asyncio.Task[PartTag]] = []

        async def send(number: int, part: PartMemory) -> PartTag:
            try:
                return await self._s3.multipart.upload_part(key, upload_id, number, part.view)
            finally:
                window.release()
                on_sent(part)

        async with task_group() as group:
            async for part in parts:
                await window.acquire()
                sending.append(group.create_task(send(len(sending) + 1, part)))
        return [task.result() for task in sending]

    async def complete_multipart(self, key: str, upload_id: str, parts: list[PartTag]) -> None:
        """Join the parts to the object."""
        await self._s3.multipart.complete(key, upload_id, parts)

    def is_copied_by_parts(self, source: CopySource, storage_class: str) -> bool:
        """Whether the copy is a multipart upload: of a large object, and of one that isn't plain.

        Parts carry bytes and nothing else, on every store.
        """
        return source.size_bytes > self._copy_limit_bytes or not source.is_plain(storage_class)

    async def last_part_at(self, key: str, upload_id: str) -> datetime | None:
        """When the newest part of a multipart upload arrived; None if there is none, or no such upload."""
        try:
            parts = await self._s3.multipart.list_parts(key, upload_id)
        except (UploadNotFound, ObjectNotFound):
            return None
        return max((part.last_modified for part in parts if part.last_modified), default=None)

    async def copy(self, source: CopySource, target: ObjectTarget) -> None:
        """Copy inside the store, pinned to the source's ETag; no byte passes here."""
        size_bytes, etag = source.size_bytes, source.etag
        if not self.is_copied_by_parts(source, target.storage_class):
            await self._s3.copy(
                source.key,
                target.key,
                source_etag=etag,
                content_type=target.content_type,
                metadata=target.metadata,
                storage_class=target.storage_class,
            )
            return
        upload_id = await self.begin_multipart(target)
        step = max(min(COPY_PART_BYTES, self._copy_limit_bytes), part_size_for(size_bytes))
        parts = [
            await self._s3.multipart.copy_part(
                target.key,
                upload_id,
                number,
                source_key=source.key,
                source_etag=etag,
                span=(first, min(first + step, size_bytes) - 1) if step < size_bytes else None,
            )
            for number, first in enumerate(range(0, size_bytes, step), start=1)
        ]
        await self.complete_multipart(target.key, upload_id, parts)

    async def head(self, key: str, *, with_checksum: bool = False) -> ObjectHead:
        """What the store says about an object."""
        return await self._s3.head(key, with_checksum=with_checksum)

    async def read(self, key: str, *, etag: str, first: int, last: int) -> AsyncIterator[bytes]:
        """Bytes `first` to `last`, both included, of exactly the object of `etag`, in chunks."""
        stream = await self._s3.open(key, etag=etag, first=first, last=last)
        left = stream.length
        try:
            while left > 0:
                chunk = await stream.read(min(READ_BYTES, left))
                if not chunk:
                    raise StorageUnavailable
                left -= len(chunk)
                yield chunk
        finally:
            stream.close()

    async def open(self, stored: StoredObject, *, first: int, last: int) -> ObjectStream:
        """Begin to read bytes `first` to `last`, both included, of the object that was verified, for a client."""
        is_whole = first == 0 and last + 1 == stored.size_bytes
        return await self._s3.open(
            stored.key,
            etag=stored.etag,
            first=None if is_whole else first,
            last=None if is_whole else last,
            lane=self._s3.readers,
        )

    def keys_below(self, prefix: str) -> AsyncIterator[list[str]]:
        """The keys of all objects below a prefix, in pages of up to 1,000."""
        return key_pages(self._s3, prefix)

    async def remove(self, key: str, *, upload_id: str | None, may_be_multipart: bool) -> None:
        """Leave nothing under a key: no object, no unfinished multipart upload."""
        unfinished = {upload_id} if upload_id else set()
        if may_be_multipart:
            # Answers that named uploads may never have reached us.
            unfinished.update(await self._s3.multipart.find(key))
        for each in unfinished:
            try:
                await self._s3.multipart.abort(key, each)
            except (UploadNotFound, ObjectNotFound):
                continue  # completed or aborted already; stores call it by different names
        await self._s3.delete(key)

    async def presign_download(self, file: FileUpload, stored: StoredObject, *, ttl_seconds: int, force: bool) -> str:
        """A URL for reading one file, under which no browser runs what it holds."""
        as_attachment = force or not is_inline_safe(file.content_type)
        return await self._s3.presign_get(
            stored.key,
            ttl_seconds=ttl_seconds,
            content_type=presigned_type(file.content_type),
            content_disposition=content_disposition(file.filename, attachment=as_attachment),
            version_id=stored.version_id,
        )

    async def credentials_lifetime_seconds(self) -> float | None:
        """How long URLs signed now can live at most; None where the keys don't expire."""
        return await self._s3.credentials_lifetime_seconds()
