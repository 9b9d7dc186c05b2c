"""Proxied uploads: judged while they stream, written part by part, visible only when all of it is right."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from hmac import compare_digest
from typing import Any

from app.config import MEBIBYTE, StoreSettings
from app.core.exceptions import FieldError, Forbidden, Invalid
from app.modules.auth.principal import Principal, Scope
from app.modules.files.content import ContentPolicy
from app.modules.files.exceptions import ChecksumMismatch, FileTooLarge
from app.modules.files.key_repository import KeyClaim
from app.modules.files.models import ChecksumKind, FileUpload
from app.modules.files.names import clean_filename
from app.modules.files.s3_service import FileStore, part_size_for
from app.modules.files.services.content_stream import ContentStream
from app.modules.files.services.idempotency import IdempotencyService, fingerprint
from app.modules.files.services.reservations import FileDraft, Reservation, Reservations, VerifiedContent


@dataclass(frozen=True)
class UploadDetails:
    """What the client says about its file, besides the bytes."""

    folder: str = ""
    description: str | None = None
    is_public: bool = False
    metadata: dict[str, Any] | None = None
    checksum_sha256: str | None = None
    expires_at: datetime | None = None
    storage_class: str | None = None
    owner_id: str | None = None


@dataclass(frozen=True)
class IncomingFile:
    """A file on its way in.

    Args:
        filename: as the client gives it.
        declared_type: its media type, if the client says one.
        least_bytes: how large it is at least, if the client says so.
        most_bytes: how large it is at most, likewise.
        chunks: the bytes.
        details: what is known besides; asked again after the last byte, since a form may
            bring fields behind the file.
        route: with `idempotency_key`, says which request this is, should it come again.
    """

    filename: str
    declared_type: str | None
    least_bytes: int | None
    most_bytes: int | None
    chunks: AsyncIterator[bytes]
    details: Callable[[], UploadDetails]
    route: str = ""
    idempotency_key: str | None = None


class UploadService:
    """Takes files in through the service."""

    def __init__(
        self,
        reservations: Reservations,
        store: FileStore,
        policy: ContentPolicy,
        settings: StoreSettings,
        keys: IdempotencyService,
    ) -> None:
        self._keys = keys
        self._reservations = reservations
        self._store = store
        self._policy = policy
        self._settings = settings

    async def upload(self, principal: Principal, incoming: IncomingFile) -> FileUpload:
        """Store one file and enter it into the registry.

        Everything that can be known without the bytes is checked before the first one is read.

        Raises:
            HoldfastError: the file is refused, or a part failed; nothing of it is left.
        """
        owner = principal.require(Scope.WRITE)
        filename = clean_filename(incoming.filename)
        self._policy.check_declared(filename, incoming.declared_type)
        limit = self._settings.max_file_size_bytes
        if incoming.least_bytes is not None and incoming.least_bytes > limit:
            raise FileTooLarge(f"The file is larger than the {limit // MEBIBYTE} MB allowed.")
        _owner_of(principal, owner, incoming.details())

        claim = None
        if incoming.idempotency_key is not None:
            claim = KeyClaim(owner, incoming.route, incoming.idempotency_key)
        if (earlier := await self._keys.earlier(claim)) is not None:
            return await self._keys.replay(earlier, await _read_again(incoming, filename, limit))

        expected_bytes = min(limit, incoming.most_bytes or limit)
        stream = ContentStream(incoming.chunks, part_bytes=part_size_for(expected_bytes), max_bytes=limit)
        first = await stream.first_part()

        known: FileDraft | None = None

        def judge(*, is_final: bool) -> str:
            return self._policy.judge(
                filename,
                incoming.declared_type,
                stream.head,
                tail=stream.tail if is_final else None,
                size=stream.size_bytes if is_final else None,
                final=is_final,
            )

        def draft(*, is_final: bool) -> FileDraft:
            details = incoming.details()
            if known is not None and details.storage_class not in {None, known.storage_class}:
                raise _late_storage_class()
            if is_final and details.checksum_sha256 and not compare_digest(details.checksum_sha256, stream.sha256):
                raise ChecksumMismatch("The bytes that arrived have another SHA-256 than checksum_sha256 says.")
            return FileDraft(
                owner_id=_owner_of(principal, owner, details),
                filename=filename,
                content_type=judge(is_final=is_final),
                folder=details.folder,
                description=details.description,
                is_public=details.is_public,
                metadata=details.metadata,
                expires_at=details.expires_at,
                storage_class=details.storage_class or self._settings.storage_class,
            )

        known = before = draft(is_final=stream.has_ended)

        async def write(reservation: Reservation) -> tuple[FileDraft, VerifiedContent]:
            if stream.has_ended:
                await self._store.put(reservation.target, first)
                final = before
            else:
                final = await self._write_parts(reservation, stream, first, lambda: draft(is_final=True))
            said = _fingerprint(filename, incoming.details(), stream.sha256)
            return final, VerifiedContent(stream.size_bytes, stream.sha256, ChecksumKind.STREAMED, said)

        return await self._reservations.run(before, write, key=claim)

    async def _write_parts(
        self, reservation: Reservation, stream: ContentStream, first: bytearray, finish: Callable[[], FileDraft]
    ) -> FileDraft:
        reservation.may_be_multipart = True
        upload_id = await self._store.begin_multipart(reservation.target)
        await self._reservations.note_multipart(reservation, upload_id)
        parts = await self._store.put_parts(
            reservation.target.key, upload_id, stream.parts_from(first), part_bytes=stream.part_bytes
        )
        final = finish()
        await self._store.complete_multipart(reservation.target.key, upload_id, parts)
        return final


def _fingerprint(filename: str, details: UploadDetails, sha256: str) -> str:
    return fingerprint({"filename": filename, **asdict(details), "checksum_sha256": sha256})


async def _read_again(incoming: IncomingFile, filename: str, max_bytes: int) -> str:
    """The fingerprint of a request that comes again: its bytes are hashed and not stored."""
    stream = ContentStream(incoming.chunks, part_bytes=MEBIBYTE, max_bytes=max_bytes)
    async for _ in stream.parts_from(await stream.first_part()):
        continue
    return _fingerprint(filename, incoming.details(), stream.sha256)


def _late_storage_class() -> Invalid:
    """The store was told the class with the first byte."""
    wrong = FieldError("body.storage_class", "must stand before the file when the file is large")
    return Invalid("The form can't be taken; see errors.", errors=(wrong,))


def _owner_of(principal: Principal, owner: str, details: UploadDetails) -> str:
    """Whose the file will be: the caller's, or for admins whom they name."""
    if details.owner_id is None or details.owner_id == owner:
        return owner
    if not principal.is_admin:
        raise Forbidden("Only callers with the scope files:admin may give another owner_id.")
    return details.owner_id
