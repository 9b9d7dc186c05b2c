"""Looks at bytes that a client sent to the store directly, as an upload through the service would have."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from dataclasses import dataclass

from app.config import MEBIBYTE
from app.core.s3.objects import ObjectHead
from app.modules.files.content import HEAD_BYTES, TAIL_BYTES, ContentPolicy, Middle, needs_tail
from app.modules.files.exceptions import ChecksumMismatch, ContentTypeNotAllowed, SizeMismatch
from app.modules.files.models import ChecksumKind, StoredObject
from app.modules.files.s3_service import FileStore

# More than a million entries' names: no archive that people make has a larger one.
MAX_DIRECTORY_BYTES = 64 * MEBIBYTE


@dataclass(frozen=True)
class Declared:
    """What a client said about its file before it sent it."""

    filename: str
    content_type: str
    size_bytes: int | None
    sha256: str | None


@dataclass(frozen=True)
class Verified:
    """What was found in the store: the object's head pins which bytes were looked at."""

    head: ObjectHead
    content_type: str
    sha256: str | None
    sha256_kind: ChecksumKind | None


class Verifier:
    """Compares stored bytes with what was declared of them.

    Args:
        store: where they are.
        policy: which files are taken.
    """

    def __init__(self, store: FileStore, policy: ContentPolicy) -> None:
        self._store = store
        self._policy = policy

    def must_read_all(self, declared: Declared, head: ObjectHead, *, trusts_store_checksum: bool) -> bool:
        """Whether only reading the whole object tells if it has the SHA-256 that was declared."""
        is_told = trusts_store_checksum and head.sha256_base64 is not None and "-" not in head.sha256_base64
        return declared.sha256 is not None and not is_told and head.size_bytes > HEAD_BYTES

    async def verify(self, key: str, declared: Declared, *, head: ObjectHead, trusts_store_checksum: bool) -> Verified:
        """Check size, type and checksum of one object.

        Every read names the ETag of `head`, so that all of it is about the same bytes.

        Raises:
            SizeMismatch, ChecksumMismatch, ContentTypeMismatch, ContentTypeNotAllowed: it is
                not what was declared.
            ObjectChanged: other bytes came while it was being read.
        """
        content_type, start = await self._look(key, declared, head)
        sha256, kind = None, None
        if head.size_bytes <= len(start):
            sha256, kind = hashlib.sha256(start).hexdigest(), ChecksumKind.READ
        elif declared.sha256 is not None and self.must_read_all(
            declared, head, trusts_store_checksum=trusts_store_checksum
        ):
            sha256, kind = await self._hash(key, head), ChecksumKind.READ
        elif declared.sha256 is not None and head.sha256_base64 is not None:
            sha256, kind = base64.b64decode(head.sha256_base64).hex(), ChecksumKind.STORE
        if declared.sha256 is not None and sha256 != declared.sha256:
            raise ChecksumMismatch("The bytes in the store have another SHA-256 than was declared.")
        return Verified(head, content_type, sha256, kind)

    async def look(self, key: str, declared: Declared, head: ObjectHead) -> str:
        """The media type of one object, by its first bytes and its last; they may change as soon as it was looked at.

        Raises:
            SizeMismatch, ContentTypeMismatch, ContentTypeNotAllowed: it is not what was declared.
            ObjectNotFound, ObjectChanged: it is no longer the object of `head`.
        """
        content_type, _ = await self._look(key, declared, head)
        return content_type

    async def _look(self, key: str, declared: Declared, head: ObjectHead) -> tuple[str, bytes]:
        """The media type, and the first bytes."""
        if declared.size_bytes is not None and head.size_bytes != declared.size_bytes:
            raise SizeMismatch(f"The store received {head.size_bytes} bytes, {declared.size_bytes} were declared.")
        start, end, middle = await self._telling(key, head.etag, head.size_bytes)
        content_type = self._policy.judge(
            declared.filename, declared.content_type, start, tail=end, size=head.size_bytes, middle=middle
        )
        return content_type, start

    async def judge(self, stored: StoredObject, filename: str, declared_type: str) -> str:
        """The media type of verified bytes under another name than the one they came with.

        Raises:
            ContentTypeMismatch, ContentTypeNotAllowed: they are not what the name says.
            ObjectNotFound, ObjectChanged: they are no longer there.
        """
        size_bytes = stored.size_bytes or 0
        start, end, middle = await self._telling(stored.key, stored.etag or "", size_bytes)
        return self._policy.judge(filename, declared_type, start, tail=end, size=size_bytes, middle=middle)

    async def _telling(self, key: str, etag: str, size_bytes: int) -> tuple[bytes, bytes | None, Middle | None]:
        """The first bytes, the last ones where those decide, and what only the middle tells."""
        start = await self._read(key, etag, 0, min(HEAD_BYTES, size_bytes) - 1)
        if not needs_tail(start):
            return start, None, None
        end = await self._read(key, etag, max(0, size_bytes - TAIL_BYTES), size_bytes - 1)
        middle = Middle(start)
        if (span := middle.span(end, size_bytes)) is not None:
            await self._look_through(middle, key, etag, *span)
        if middle.is_telling:
            await asyncio.to_thread(middle.look, size_bytes - len(end), end)
        return start, end, middle

    async def _look_through(self, middle: Middle, key: str, etag: str, first: int, last: int) -> None:
        if last - first >= MAX_DIRECTORY_BYTES:
            raise ContentTypeNotAllowed("The file's directory is too large to be looked at; pack fewer files.")
        async for chunk in self._store.read(key, etag=etag, first=first, last=last):
            await asyncio.to_thread(middle.look, first, chunk)
            first += len(chunk)

    async def _read(self, key: str, etag: str, first: int, last: int) -> bytes:
        return b"".join([chunk async for chunk in self._store.read(key, etag=etag, first=first, last=last)])

    async def _hash(self, key: str, head: ObjectHead) -> str:
        digest = hashlib.sha256()
        async for chunk in self._store.read(key, etag=head.etag, first=0, last=head.size_bytes - 1):
            await asyncio.to_thread(digest.update, chunk)
        return digest.hexdigest()
