"""Ends direct uploads: joined where they came in parts, verified, then visible or rejected; or aborted."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import structlog

from app.core.audit import OUTBOX, Action, Actor
from app.core.clock import utc_now
from app.core.exceptions import HoldfastError, Invalid, UnsupportedType
from app.core.outbox import OutboxEntry
from app.core.s3.errors import ObjectChanged, ObjectNotFound
from app.core.s3.errors import UploadNotFound as StoreUploadNotFound
from app.core.s3.objects import ObjectHead, StoredPart
from app.modules.auth.principal import Principal, Scope
from app.modules.files.models import FileStatus, FileUpload, ObjectRole, ObjectState, StoredObject
from app.modules.files.repository import FileRepository
from app.modules.files.services.lifecycle import LifecycleService
from app.modules.files.services.promotion import PromotionService
from app.modules.files.services.verification import Declared, Verifier
from app.modules.uploads.exceptions import UploadExpired, UploadIncomplete, UploadNotFound, UploadRejected
from app.modules.uploads.models import UploadMethod, UploadSession
from app.modules.uploads.part_plan import PartPlan
from app.modules.uploads.repository import UploadRepository
from app.modules.uploads.services.sent_parts import ClientPart, compare
from app.modules.uploads.services.shared import Shared

log = structlog.get_logger()
LOOK_PAUSE_SECONDS = 10.0
# What is wrong with the bytes themselves; everything else may go well the next time.
REFUSALS = (Invalid, UnsupportedType)


@dataclass(frozen=True)
class OpenUpload:
    """A file, its session, the object that the client writes, and who has it looked at."""

    actor: Actor
    file: FileUpload
    upload: UploadSession
    stored: StoredObject


class CompletionService:
    """Looks at what clients have sent."""

    def __init__(
        self, shared: Shared, promotions: PromotionService, verifier: Verifier, lifecycle: LifecycleService
    ) -> None:
        self._database = shared.database
        self._s3 = shared.s3
        self._capabilities = shared.capabilities
        self._settings = shared.settings
        self._promotions = promotions
        self._verifier = verifier
        self._lifecycle = lifecycle

    async def find(self, principal: Principal, file_id: UUID, *, scope: Scope = Scope.WRITE) -> OpenUpload:
        """An upload of the caller.

        Raises:
            UploadNotFound: there is none, or it is somebody else's.
        """
        principal.require(scope)
        async with self._database.transaction() as session:
            file = await FileRepository(session).owned(principal, file_id)
            found = None if file is None else await UploadRepository(session).get(file_id)
        if file is None or found is None:
            raise UploadNotFound
        return OpenUpload(principal.actor, file, *found)

    async def resume(self, principal: Principal, file_id: UUID) -> OpenUpload:
        """Find an upload that the caller wants to continue.

        Its URLs contain the folder and the name of the file. A caller without `files:read` therefore continues only
        uploads that its own credential began.

        Raises:
            UploadNotFound: there is none, it is somebody else's, or the caller may not continue it.
            UploadExpired: it's still open, but the API key that began it isn't in use any more.
        """
        opened = await self.find(principal, file_id)
        if not principal.may_read and opened.upload.key_id != principal.key_id:
            raise UploadNotFound
        if opened.file.status == FileStatus.PENDING:
            await self._require_live_key(opened.upload)
        return opened

    async def stored_parts(self, opened: OpenUpload) -> list[StoredPart]:
        """The parts that the store has.

        Raises:
            UploadExpired: the store no longer knows the upload.
        """
        if opened.upload.method != UploadMethod.MULTIPART or opened.file.status != FileStatus.PENDING:
            return []
        try:
            return await self._s3.multipart.list_parts(opened.stored.key, opened.stored.upload_id or "")
        except (StoreUploadNotFound, ObjectNotFound) as error:
            raise UploadExpired from error

    async def complete(
        self, principal: Principal, file_id: UUID, parts: Sequence[ClientPart] | None = None
    ) -> FileUpload:
        """Verify what was sent and make it available; any number of times, by any number of callers at once.

        Raises:
            UploadIncomplete: bytes are missing; send them and complete again.
            UploadRejected: the bytes are not what was declared; they are removed.
            UploadExpired: it took too long.
        """
        opened = await self.find(principal, file_id)
        return await self._finish(opened, parts)

    async def look(self, principal: Principal, file: FileUpload) -> FileUpload:
        """Try to finish a pending upload because the caller reads its record; at most once in ten seconds."""
        async with self._database.transaction() as session:
            uploads = UploadRepository(session)
            found = await uploads.get(file.id)
            is_time = found is not None and await uploads.may_try(file.id, pause_seconds=LOOK_PAUSE_SECONDS)
        if found is None or not is_time or found[0].method == UploadMethod.MULTIPART:
            return file
        try:
            return await self._finish(OpenUpload(principal.actor, file, *found), None)
        except HoldfastError as error:
            log.info("pending_upload_looked_at", file_id=str(file.id), code=type(error).code)
            return await self._reload(file.id) or file

    async def abort(self, principal: Principal, file_id: UUID) -> None:
        """Drop an upload with all that was sent.

        Raises:
            UploadNotFound: there is none, or it has ended.
        """
        opened = await self.find(principal, file_id)
        if opened.file.status in {FileStatus.AVAILABLE, FileStatus.DELETED}:
            raise UploadNotFound("The upload is complete; delete the file instead.")
        await self._lifecycle.hard_delete(principal, file_id, if_match=None, action=Action.ABORT)
        if opened.stored.upload_id is not None:
            await self._refuse_late_parts(opened.stored.key, opened.stored.upload_id)

    async def _refuse_late_parts(self, key: str, upload_id: str) -> None:
        """Abort the store's upload at once rather than by the outbox: its part URLs still live."""
        try:
            await self._s3.multipart.abort(key, upload_id)
        except (StoreUploadNotFound, ObjectNotFound):
            return  # aborted already
        except HoldfastError as error:
            log.warning("abort_postponed", code=type(error).code)

    async def _finish(self, opened: OpenUpload, parts: Sequence[ClientPart] | None) -> FileUpload:
        file = opened.file
        if file.status == FileStatus.REJECTED:
            raise UploadRejected(file.rejection_detail)
        if file.status != FileStatus.PENDING:
            return file
        await self._require_live_key(opened.upload)
        try:
            head = await self._arrived(opened, parts)
            if self._needs_job(opened, head):
                return await self._verify_later(opened)
            return await self._promote(opened, head)
        except REFUSALS as refusal:
            if not await self._promotions.reject(opened.actor, file.id, refusal):
                return await self._settled(file.id)
            raise UploadRejected(str(refusal)) from refusal
        except ObjectChanged as error:
            raise UploadIncomplete("The bytes changed while they were looked at; complete again.") from error
        except (UploadIncomplete, UploadExpired):
            # Who was faster may have ended it meanwhile; what lay in staging is gone then.
            current = await self._reload(file.id)
            if current is None or current.status == FileStatus.PENDING:
                raise
            return await self._settled(file.id)

    async def _arrived(self, opened: OpenUpload, parts: Sequence[ClientPart] | None) -> ObjectHead:
        """The object as the store has it now, joined from its parts if it came in parts."""
        if opened.upload.method == UploadMethod.MULTIPART:
            await self._join(opened, parts)
        try:
            return await self._s3.head(opened.stored.key, with_checksum=True)
        except ObjectNotFound as error:
            if opened.stored.state == ObjectState.REMOVING or opened.upload.expires_at <= utc_now():
                raise UploadExpired from error
            if opened.upload.method == UploadMethod.MULTIPART:
                raise UploadExpired from error
            raise UploadIncomplete from error

    async def _join(self, opened: OpenUpload, claimed: Sequence[ClientPart] | None) -> None:
        key, upload_id = opened.stored.key, opened.stored.upload_id or ""
        try:
            parts = await self._s3.multipart.list_parts(key, upload_id)
        except (StoreUploadNotFound, ObjectNotFound):
            return  # completed before, perhaps by a caller who never heard of it; the object will tell
        compare(PartPlan(opened.upload.declared_bytes, opened.upload.part_bytes or 1), parts, claimed)
        keeps = self._capabilities.current
        pinned = opened.upload.declared_bytes if keeps.complete_object_size else None
        try:
            # Every key is fresh: what is there already was made of these parts, and perhaps verified meanwhile.
            await self._s3.multipart.complete(
                key, upload_id, parts, size_bytes=pinned, is_conditional=keeps.conditional_complete
            )
        except (StoreUploadNotFound, ObjectNotFound):
            return  # somebody else was faster
        except ObjectChanged as error:
            await self._give_way(key, upload_id, error)

    async def _give_way(self, key: str, upload_id: str, reason: ObjectChanged) -> None:
        """Leave the object to who made it first, and nothing beside it; the object will tell."""
        try:
            await self._s3.head(key)
        except ObjectNotFound:
            raise UploadIncomplete("The upload is being completed at this moment; complete again.") from reason
        with suppress(StoreUploadNotFound, ObjectNotFound):  # completed, so it's gone already
            await self._s3.multipart.abort(key, upload_id)

    def _declared(self, opened: OpenUpload) -> Declared:
        upload, file = opened.upload, opened.file
        return Declared(file.filename, file.content_type, upload.declared_bytes, upload.declared_sha256)

    def _trusts_store_checksum(self, opened: OpenUpload) -> bool:
        """Whether the SHA-256 that the store tells is that of everything that any URL could write.

        The URL of a PUT signs the one that was declared. A form signs none, and parts sign only their own.
        """
        current = self._capabilities.current
        is_pinned = opened.upload.method == UploadMethod.PUT or opened.stored.role == ObjectRole.CONTENT
        return is_pinned and current.verifies_sha256 and current.returns_sha256

    def _needs_job(self, opened: OpenUpload, head: ObjectHead) -> bool:
        trusts = self._trusts_store_checksum(opened)
        must_read = self._verifier.must_read_all(self._declared(opened), head, trusts_store_checksum=trusts)
        return must_read and head.size_bytes > self._settings.verify.inline_max_bytes

    async def _promote(self, opened: OpenUpload, head: ObjectHead) -> FileUpload:
        # An upload by PUT that an older release began lies under a file's key, and its URL lives.
        is_sealed = opened.upload.method == UploadMethod.MULTIPART and opened.stored.role == ObjectRole.CONTENT
        promote = self._promotions.in_place if is_sealed else self._promotions.by_copy
        promoted = await promote(
            opened.actor,
            opened.file,
            opened.stored,
            self._declared(opened),
            head,
            trusts_store_checksum=self._trusts_store_checksum(opened),
        )
        if promoted is None:
            settled = await self._settled(opened.file.id)
            if settled.status in {FileStatus.PENDING, FileStatus.VERIFYING}:
                raise UploadIncomplete("The bytes went while they were looked at; send them again.")
            return settled
        log.info("s3_file_uploaded", file_id=str(promoted.id), size_bytes=promoted.file_size)
        return promoted

    async def _verify_later(self, opened: OpenUpload) -> FileUpload:
        """Leave the reading to a job; until it's done nobody can read the file."""
        async with self._database.transaction() as session:
            await UploadRepository(session).start_verifying(opened.actor, opened.file.id)
        return await self._settled(opened.file.id)

    async def verify(self, entry: OutboxEntry) -> None:
        """The job: read all the bytes, then flip or reject. Acts for nobody, whoever completed was checked."""
        async with self._database.transaction() as session:
            file = await FileRepository(session).by_id(entry.subject)
            found = await UploadRepository(session).get(entry.subject)
        if file is None or found is None or file.status != FileStatus.VERIFYING:
            return
        opened = OpenUpload(OUTBOX, file, *found)
        try:
            await self._require_live_key(opened.upload)
            await self._promote(opened, await self._s3.head(opened.stored.key, with_checksum=True))
        except REFUSALS as refusal:
            await self._promotions.reject(OUTBOX, file.id, refusal)
        except UploadExpired as ended:
            await self._promotions.reject(OUTBOX, file.id, ended)
        except ObjectNotFound:
            gone = UploadExpired("The bytes were gone before they could be verified.")
            await self._promotions.reject(OUTBOX, file.id, gone)

    async def _require_live_key(self, upload: UploadSession) -> None:
        async with self._database.transaction() as session:
            await UploadRepository(session).require_live_key(upload)

    async def _settled(self, file_id: UUID) -> FileUpload:
        """What became of a file that somebody else ended."""
        file = await self._reload(file_id)
        if file is None:
            raise UploadNotFound
        if file.status == FileStatus.REJECTED:
            raise UploadRejected(file.rejection_detail)
        return file

    async def _reload(self, file_id: UUID) -> FileUpload | None:
        async with self._database.transaction() as session:
            return await FileRepository(session).by_id(file_id)
