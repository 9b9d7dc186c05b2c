"""The flip for bytes that a client sent to the store itself: verified, then visible; or refused, and gone."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import structlog

from app.core.audit import Action, Actor, Result, record
from app.core.clock import utc_now
from app.core.database import Database
from app.core.exceptions import HoldfastError
from app.core.s3.errors import ObjectChanged, ObjectNotFound
from app.core.s3.objects import ObjectHead
from app.modules.files.content import canonical
from app.modules.files.models import FileStatus, FileUpload, StoredObject
from app.modules.files.removal_repository import RemovalRepository
from app.modules.files.repository import FileRepository
from app.modules.files.s3_service import CopySource, FileStore
from app.modules.files.services.drafts import FileDraft, VerifiedContent, make_available
from app.modules.files.services.purposes import PendingFile
from app.modules.files.services.reservations import Reservation, Reservations, UploadAborted
from app.modules.files.services.verification import Declared, Verifier

log = structlog.get_logger()


class PromotionService:
    """Makes pending files available, or rejects them. Acts for callers who were checked already, or for nobody."""

    def __init__(self, database: Database, store: FileStore, reservations: Reservations, verifier: Verifier) -> None:
        self._database = database
        self._store = store
        self._reservations = reservations
        self._verifier = verifier

    async def in_place(
        self,
        actor: Actor,
        file: FileUpload,
        stored: StoredObject,
        declared: Declared,
        head: ObjectHead,
        *,
        trusts_store_checksum: bool,
    ) -> FileUpload | None:
        """Verify bytes that no URL can change any more, then flip; None when somebody else was faster."""
        verified = await self._verifier.verify(
            stored.key, declared, head=head, trusts_store_checksum=trusts_store_checksum
        )
        if canonical(head.content_type) != verified.content_type:
            # The object carries a type of its own in the store, which only a copy can change.
            return await self.by_copy(actor, file, stored, declared, head, trusts_store_checksum=trusts_store_checksum)
        checksum = {"sha256": verified.sha256, "sha256_kind": verified.sha256_kind} if verified.sha256 else {}
        async with self._database.transaction() as session:
            repository = FileRepository(session)
            pending = await repository.pending(file.id)
            is_ours = pending is not None and await repository.mark_stored(
                stored.id, None, size_bytes=head.size_bytes, etag=head.etag, version_id=head.version_id, **checksum
            )
            if pending is None or not is_ours:
                return None
            pending.content_type = verified.content_type
            make_available(pending, stored.id, head.size_bytes)
            details = {"size_bytes": head.size_bytes}
            record(session, actor, Action.COMPLETE, file_id=file.id, owner_id=pending.owner_id, details=details)
            await session.flush()
            await session.refresh(pending, ["current_object"])
        return pending

    async def by_copy(
        self,
        actor: Actor,
        file: FileUpload,
        source: StoredObject,
        declared: Declared,
        head: ObjectHead,
        *,
        trusts_store_checksum: bool,
    ) -> FileUpload | None:
        """Copy to a key for which no URL was ever issued, verify the copy, then flip; None as of `in_place`.

        The copy gets the type that was found and no other header of the object that the client wrote. That object
        may change at any moment: what counts is the copy, which can't.

        Args:
            actor: who completes.
            file: what the copy becomes the content of.
            source: what the client wrote.
            declared: what the client said of it.
            head: the source as the store shows it.
            trusts_store_checksum: whether no URL could write other bytes to the source than those of the SHA-256
                that `head` tells.
        """

        async def write(reservation: Reservation) -> tuple[FileDraft, VerifiedContent]:
            bytes_of = CopySource(source.key, head.size_bytes, head.etag, head)
            reservation.may_be_multipart = self._store.is_copied_by_parts(bytes_of, draft.storage_class)
            await self._store.copy(bytes_of, reservation.target)
            copied = await self._store.head(reservation.target.key)
            if copied.reader_headers - head.reader_headers:
                raise ObjectChanged  # the same bytes, written once more with headers since they were looked at
            if trusts_store_checksum:
                copied = replace(copied, sha256_base64=head.sha256_base64)
            verified = await self._verifier.verify(
                reservation.target.key, declared, head=copied, trusts_store_checksum=trusts_store_checksum
            )
            if verified.content_type != draft.content_type:
                raise ObjectChanged  # since it was looked at
            found = VerifiedContent(copied.size_bytes, verified.sha256, verified.sha256_kind, head=copied)
            return draft, found

        try:
            media_type = await self._verifier.look(source.key, declared, head)
            draft = replace(FileDraft.of(file), content_type=media_type)
            # The object that the client wrote holds as much until the flip.
            purpose = PendingFile(file.id, actor, Action.COMPLETE)
            return await self._reservations.run(draft, write, most_bytes=0, purpose=purpose)
        except (UploadAborted, ObjectChanged, ObjectNotFound):
            return None  # who was faster has given the source up, and it goes at once

    async def reject(self, actor: Actor, file_id: UUID, refusal: HoldfastError) -> bool:
        """Keep the record with its reason, remove the bytes; False when the file is no longer pending."""
        async with self._database.transaction() as session:
            repository = FileRepository(session)
            file = await repository.pending(file_id)
            if file is None:
                return False
            file.status = FileStatus.REJECTED
            file.rejection_code = type(refusal).code
            file.rejection_detail = str(refusal)
            file.current_object_id = None
            file.version += 1
            file.updated_at = utc_now()
            record(
                session,
                actor,
                Action.REJECT,
                file_id=file_id,
                owner_id=file.owner_id,
                result=Result.REJECTED,
                details={"code": file.rejection_code},
            )
            await session.flush()
            await RemovalRepository(session).give_up_all(file_id)
        log.info("upload_rejected", file_id=str(file_id), code=type(refusal).code)
        return True
