"""The frame around every write to the bucket: reserve, write under a lease, then one flip; or undo all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any
from uuid import UUID, uuid4

import structlog
from sqlalchemy.exc import IntegrityError

from app.config import StoreSettings
from app.core.clock import new_id, utc_now
from app.core.database import Database, DatabaseUnavailable
from app.core.exceptions import Conflict, HoldfastError, Unavailable
from app.core.resources import Afterwork
from app.core.s3_errors import StoreRefusedBody
from app.core.tasks import task_group
from app.modules.files.exceptions import IdempotencyInProgress
from app.modules.files.key_repository import KeyClaim, KeyRepository
from app.modules.files.keys import build_key
from app.modules.files.models import ChecksumKind, FileStatus, FileUpload, ObjectRole, ObjectState, StoredObject
from app.modules.files.removal_repository import RemovalRepository
from app.modules.files.repository import FileRepository
from app.modules.files.s3_service import FileStore, ObjectTarget

log = structlog.get_logger()
RENEWALS_A_LEASE = 3
CREATED = 201


class UploadAborted(Conflict):
    """The file was deleted while its bytes were still arriving."""

    code = "file_not_available"
    detail = "The file was deleted while it was being written."


@dataclass(frozen=True)
class FileDraft:
    """A file that is about to be written: what the registry will say of it."""

    owner_id: str
    filename: str
    content_type: str
    folder: str = ""
    description: str | None = None
    is_public: bool = False
    metadata: dict[str, Any] | None = None
    expires_at: datetime | None = None
    storage_class: str = "STANDARD"


@dataclass
class Reservation:
    """A pending file and the object that its bytes go to, ours as long as the lease is renewed."""

    file_id: UUID
    object_id: UUID
    target: ObjectTarget
    lease_token: UUID
    is_new_file: bool = True
    key: KeyClaim | None = None
    upload_id: str | None = None
    may_be_multipart: bool = False
    is_flipping: bool = False


@dataclass(frozen=True)
class VerifiedContent:
    """What is known of bytes that were written: their count, and their SHA-256 in hex if anybody computed it.

    `fingerprint` says which request it was, for its idempotency key.
    """

    size_bytes: int
    sha256: str | None
    sha256_kind: ChecksumKind | None
    fingerprint: str = ""


Write = Callable[[Reservation], Awaitable[tuple[FileDraft, VerifiedContent]]]


class Reservations:
    """Runs a write so that registry and bucket agree whatever happens in between."""

    def __init__(
        self, database: Database, store: FileStore, settings: StoreSettings, afterwork: Afterwork, lease_seconds: float
    ) -> None:
        self._database = database
        self._store = store
        self._settings = settings
        self._afterwork = afterwork
        self._lease_seconds = lease_seconds

    async def run(
        self, draft: FileDraft, write: Write, *, pending: FileUpload | None = None, key: KeyClaim | None = None
    ) -> FileUpload:
        """Reserve a key, let `write` fill it, verify what the store holds, make the file available.

        Args:
            draft: what is known before the bytes are written.
            write: writes the bytes; returns the draft as it is to be registered, and what was written.
            pending: the file that the object is for; by default a new one.
            key: tied to the file in the same transactions that create it.
        """
        with self._afterwork.expected():
            reservation = await self._reserve(draft, pending, key)
            try:
                async with task_group() as group:
                    keeper = group.create_task(self._keep_lease(reservation))
                    final, content = await write(reservation)
                    file = await self._finalise(reservation, final, content)
                    keeper.cancel()
            except BaseException as failure:
                await self._undo(reservation, failure)
                raise
        log.info("s3_file_uploaded", file_id=str(file.id), size_bytes=content.size_bytes)
        return file

    async def _reserve(self, draft: FileDraft, pending: FileUpload | None, key: KeyClaim | None) -> Reservation:
        try:
            return await self._try_reserve(draft, pending, key, collision=None)
        except IntegrityError:
            # Without a UUID in it, a key may have been used before, also by a file long gone.
            return await self._try_reserve(draft, pending, key, collision=token_hex(4))

    async def _try_reserve(
        self, draft: FileDraft, pending: FileUpload | None, key: KeyClaim | None, *, collision: str | None
    ) -> Reservation:
        now = utc_now()
        token = uuid4()
        file = new_file(draft, now) if pending is None else pending
        stored = self.new_object(draft, file.id, now, collision=collision)
        stored.lease_token = token
        stored.lease_expires_at = now + timedelta(seconds=self._lease_seconds)
        async with self._database.transaction() as session:
            repository = FileRepository(session)
            if pending is None:
                file.current_object_id = stored.id
                repository.add(file, stored)
            else:
                repository.add_object(stored)
            if key is not None and not await KeyRepository(session).claim(key, file.id):
                raise IdempotencyInProgress(retry_after_seconds=2)
        target = ObjectTarget(stored.key, file.id, draft.content_type, draft.storage_class)
        return Reservation(file.id, stored.id, target, token, is_new_file=pending is None, key=key)

    def new_object(
        self, draft: FileDraft, file_id: UUID, now: datetime, *, collision: str | None = None
    ) -> StoredObject:
        """A reserved object under a key that was never used, for the bytes of one file."""
        object_id = uuid4()
        key = build_key(
            prefix=self._settings.key_prefix,
            folder=draft.folder,
            filename=draft.filename,
            object_id=object_id,
            now=now,
            structure=self._settings.folder_structure,
            use_uuid_prefix=self._settings.use_uuid_prefix,
            preserve_filename=self._settings.preserve_filename,
            collision=collision,
        )
        return StoredObject(
            id=object_id,
            key=key,
            file_id=file_id,
            role=ObjectRole.CONTENT,
            state=ObjectState.RESERVED,
            storage_class=draft.storage_class,
        )

    async def _keep_lease(self, reservation: Reservation) -> None:
        """Renew the lease until cancelled; a lease that is no longer ours ends the write."""
        while True:
            await asyncio.sleep(self._lease_seconds / RENEWALS_A_LEASE)
            try:
                async with self._database.transaction() as session:
                    is_held = await FileRepository(session).renew_lease(
                        reservation.object_id, reservation.lease_token, self._lease_seconds
                    )
            except DatabaseUnavailable:
                # The flip at the end decides; until then a registry that blinks costs nothing.
                log.warning("lease_not_renewed", file_id=str(reservation.file_id))
                continue
            if not is_held:
                if reservation.is_flipping:
                    return  # the flip ends the lease, and knows whether it was still ours
                raise UploadAborted

    async def note_multipart(self, reservation: Reservation, upload_id: str) -> None:
        """Write the store's upload id into the ledger, so that a crash leaves a trace of it."""
        reservation.upload_id = upload_id
        async with self._database.transaction() as session:
            if not await FileRepository(session).note_upload_id(
                reservation.object_id, reservation.lease_token, upload_id
            ):
                raise UploadAborted

    async def _finalise(self, reservation: Reservation, draft: FileDraft, content: VerifiedContent) -> FileUpload:
        head = await self._store.head(reservation.target.key)
        if head.size_bytes != content.size_bytes:
            raise StoreRefusedBody("The store holds another number of bytes than were sent; try again.")
        checksum = {"sha256": content.sha256, "sha256_kind": content.sha256_kind} if content.sha256 else {}
        reservation.is_flipping = True
        async with self._database.transaction() as session:
            repository = FileRepository(session)
            await repository.lock(reservation.file_id)
            is_ours = await repository.mark_stored(
                reservation.object_id,
                reservation.lease_token,
                size_bytes=head.size_bytes,
                etag=head.etag,
                version_id=head.version_id,
                **checksum,
            )
            file = await repository.pending(reservation.file_id) if is_ours else None
            if file is None:
                raise UploadAborted
            _apply(draft, file)
            make_available(file, reservation.object_id, head.size_bytes)
            if not reservation.is_new_file:
                await RemovalRepository(session).give_up_all(file.id, but=reservation.object_id)
            if reservation.key is not None:
                await KeyRepository(session).finish(
                    reservation.key, fingerprint=content.fingerprint, status_code=CREATED
                )
            await session.flush()
            await session.refresh(file, ["current_object"])
        return file

    async def _undo(self, reservation: Reservation, failure: BaseException) -> None:
        try:
            # A store that did not answer, or was not waited for, may still finish what it was told.
            is_settled = not isinstance(failure, Unavailable | asyncio.CancelledError)
            await self._afterwork.run(self._abandon(reservation, is_settled=is_settled))
        except HoldfastError as error:
            # The caller is told what failed first; the ledger keeps what is left to remove.
            log.warning(
                "upload_undo_postponed",
                file_id=str(reservation.file_id),
                code=type(error).code,
                failure=type(failure).__name__,
            )

    async def _abandon(self, reservation: Reservation, *, is_settled: bool) -> None:
        """Leave nothing of a write that failed.

        Only where the registry says that this write never became visible may its bytes be removed,
        so it is asked first. If it can't be, the lease runs out, and the cleanup asks again.
        """
        async with self._database.transaction() as session:
            repository = FileRepository(session)
            await repository.lock(reservation.file_id)
            was_ours = await RemovalRepository(session).abandon(
                reservation.object_id,
                reservation.lease_token,
                may_be_multipart=reservation.may_be_multipart,
                look_again=not is_settled,
            )
            if was_ours and reservation.is_new_file:
                await repository.delete(reservation.file_id)
            if was_ours and reservation.key is not None:
                await KeyRepository(session).release(reservation.key, reservation.file_id)
        log.info("upload_undone", file_id=str(reservation.file_id))


def new_file(draft: FileDraft, now: datetime) -> FileUpload:
    """A file whose bytes are still to come."""
    file = FileUpload(id=new_id(), status=FileStatus.PENDING, version=0, created_at=now, updated_at=now)
    _apply(draft, file)
    return file


def make_available(file: FileUpload, object_id: UUID, size_bytes: int) -> None:
    """The flip: from this commit on the bytes can be read."""
    file.current_object_id = object_id
    file.file_size = size_bytes
    file.status = FileStatus.AVAILABLE
    file.version += 1
    file.updated_at = utc_now()


def _apply(draft: FileDraft, file: FileUpload) -> None:
    file.owner_id = draft.owner_id
    file.filename = draft.filename
    file.folder = draft.folder
    file.content_type = draft.content_type
    file.description = draft.description
    file.is_public = draft.is_public
    file.attributes = draft.metadata or {}
    file.expires_at = draft.expires_at
    file.storage_class = draft.storage_class
