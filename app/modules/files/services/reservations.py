"""The frame around every write to the bucket: reserve, write under a lease, then one flip; or undo all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from uuid import UUID, uuid4

import structlog
from sqlalchemy.exc import IntegrityError

from app.config import StoreSettings
from app.core.clock import utc_now
from app.core.database import Database
from app.core.exceptions import Conflict, HoldfastError, Unavailable
from app.core.leases import renewing
from app.core.resources import Afterwork
from app.core.s3.errors import StoreRefusedBody
from app.modules.files.exceptions import IdempotencyInProgress
from app.modules.files.idempotency_key_repository import IdempotencyKeyRepository, KeyClaim
from app.modules.files.keys import build_key
from app.modules.files.models import FileUpload, ObjectRole, ObjectState, StoredObject
from app.modules.files.removal_repository import RemovalRepository
from app.modules.files.repository import FileRepository
from app.modules.files.s3_service import FileStore, ObjectTarget
from app.modules.files.services.drafts import FileDraft, VerifiedContent
from app.modules.files.services.purposes import Purpose
from app.modules.quotas.admission import Quotas

log = structlog.get_logger()
CREATED = 201
# Why a write was given up that nothing refused: the client went away, the process stops.
INTERRUPTED = "interrupted"


class UploadAborted(Conflict):
    """The file was deleted while its bytes were still arriving."""

    code = "file_not_available"
    detail = "The file was deleted while it was being written."


@dataclass
class Reservation:
    """A file and the object that its bytes go to, ours as long as the lease is renewed."""

    purpose: Purpose
    owner_id: str
    object_id: UUID
    target: ObjectTarget
    lease_token: UUID
    key: KeyClaim | None = None
    upload_id: str | None = None
    may_be_multipart: bool = False
    is_flipping: bool = False

    @property
    def file_id(self) -> UUID:
        """Whose bytes they are."""
        return self.purpose.file_id


Write = Callable[[Reservation], Awaitable[tuple[FileDraft, VerifiedContent]]]


class Reservations:
    """Runs a write so that registry and bucket agree whatever happens in between."""

    def __init__(
        self,
        database: Database,
        store: FileStore,
        settings: StoreSettings,
        quotas: Quotas,
        afterwork: Afterwork,
        lease_seconds: float,
    ) -> None:
        self._database = database
        self._store = store
        self._settings = settings
        self._quotas = quotas
        self._afterwork = afterwork
        self._lease_seconds = lease_seconds

    async def run(
        self, draft: FileDraft, write: Write, *, most_bytes: int, purpose: Purpose, key: KeyClaim | None = None
    ) -> FileUpload:
        """Reserve a key, let `write` fill it, verify what the store holds, make it the file's.

        Args:
            draft: what is known before the bytes are written.
            write: writes the bytes; returns the draft as it is to be registered, and what was written.
            most_bytes: how many there may be; so much of the owner's quota is held until they are written.
            purpose: which file the bytes are for, and how it gets them.
            key: tied to the file in the same transactions that create it.

        Raises:
            QuotaExceeded: there is no room; nothing was written.
        """
        with self._afterwork.expected():
            reservation = await self._reserve(draft, most_bytes, purpose, key)
            try:
                async with self._lease_kept(reservation):
                    final, content = await write(reservation)
                    file = await self._finalise(reservation, final, content)
            except BaseException as failure:
                await self._undo(reservation, failure)
                raise
        log.info("s3_file_uploaded", file_id=str(file.id), size_bytes=content.size_bytes)
        return file

    async def _reserve(self, draft: FileDraft, most_bytes: int, purpose: Purpose, key: KeyClaim | None) -> Reservation:
        try:
            return await self._try_reserve(draft, most_bytes, purpose, key, collision=None)
        except IntegrityError:
            # Without a UUID in it, a key may have been used before, also by a file long gone.
            return await self._try_reserve(draft, most_bytes, purpose, key, collision=token_hex(4))

    async def _try_reserve(
        self, draft: FileDraft, most_bytes: int, purpose: Purpose, key: KeyClaim | None, *, collision: str | None
    ) -> Reservation:
        now = utc_now()
        token = uuid4()
        stored = self.new_object(draft, purpose.file_id, now, collision=collision)
        stored.held_bytes = most_bytes
        stored.lease_token = token
        stored.lease_expires_at = now + timedelta(seconds=self._lease_seconds)
        async with self._database.transaction() as session:
            await purpose.enter(session, draft, stored, self._quotas)
            if key is not None and not await IdempotencyKeyRepository(session).claim(key, purpose.file_id):
                raise IdempotencyInProgress(retry_after_seconds=2)
        target = ObjectTarget(stored.key, purpose.file_id, draft.content_type, draft.storage_class)
        return Reservation(purpose, draft.owner_id, stored.id, target, token, key=key)

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

    def _lease_kept(self, reservation: Reservation) -> AbstractAsyncContextManager[None]:
        """Renew the lease meanwhile; one that is no longer ours ends the write."""

        async def renew() -> bool:
            async with self._database.transaction() as session:
                is_held = await FileRepository(session).renew_lease(
                    reservation.object_id, reservation.lease_token, self._lease_seconds
                )
            # The flip ends the lease, and knows whether it was still ours.
            return is_held or reservation.is_flipping

        return renewing(renew, self._lease_seconds, lost=UploadAborted, file_id=str(reservation.file_id))

    async def note_multipart(self, reservation: Reservation, upload_id: str) -> None:
        """Write the store's upload id into the ledger, so that a crash leaves a trace of it."""
        reservation.upload_id = upload_id
        async with self._database.transaction() as session:
            if not await FileRepository(session).note_upload_id(
                reservation.object_id, reservation.lease_token, upload_id
            ):
                raise UploadAborted

    async def _finalise(self, reservation: Reservation, draft: FileDraft, content: VerifiedContent) -> FileUpload:
        head = content.head or await self._store.head(reservation.target.key)
        if head.size_bytes != content.size_bytes:
            raise StoreRefusedBody("The store holds another number of bytes than were sent; try again.")
        checksum = {"sha256": content.sha256, "sha256_kind": content.sha256_kind} if content.sha256 else {}
        reservation.is_flipping = True
        async with self._database.transaction() as session:
            repository = FileRepository(session)
            await repository.lock(reservation.file_id)
            if reservation.purpose.is_new_file and draft.owner_id != reservation.owner_id:
                # A form named its owner behind the file.
                await self._quotas.admit(session, draft.owner_id, size_bytes=head.size_bytes, files=1)
            is_ours = await repository.mark_stored(
                reservation.object_id,
                reservation.lease_token,
                size_bytes=head.size_bytes,
                etag=head.etag,
                version_id=head.version_id,
                **checksum,
            )
            file = (
                await reservation.purpose.flip(session, draft, reservation.object_id, head.size_bytes)
                if is_ours
                else None
            )
            if file is None:
                raise UploadAborted
            reservation.purpose.record_done(session, file.owner_id, head.size_bytes)
            if reservation.key is not None:
                await IdempotencyKeyRepository(session).finish(
                    reservation.key, fingerprint=content.fingerprint, status_code=CREATED
                )
            await session.flush()
            await session.refresh(file, ["current_object"])
        return file

    async def _undo(self, reservation: Reservation, failure: BaseException) -> None:
        try:
            # A store that did not answer, or was not waited for, may still finish what it was told.
            is_settled = not isinstance(failure, Unavailable | asyncio.CancelledError)
            code = type(failure).code if isinstance(failure, HoldfastError) else INTERRUPTED
            await self._afterwork.run(self._abandon(reservation, code, is_settled=is_settled))
        except HoldfastError as error:
            # The caller is told what failed first; the ledger keeps what is left to remove.
            log.warning(
                "upload_undo_postponed",
                file_id=str(reservation.file_id),
                code=type(error).code,
                failure=type(failure).__name__,
            )

    async def _abandon(self, reservation: Reservation, code: str, *, is_settled: bool) -> None:
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
            if was_ours:
                reservation.purpose.record_undone(session, reservation.owner_id, code)
            if was_ours and reservation.purpose.is_new_file:
                await repository.delete(reservation.file_id)
            if was_ours and reservation.key is not None:
                await IdempotencyKeyRepository(session).release(reservation.key, reservation.file_id)
        log.info("upload_undone", file_id=str(reservation.file_id))
