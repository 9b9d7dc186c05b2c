"""Begins direct uploads: everything that is known beforehand is checked and pinned."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from functools import partial
from secrets import token_hex
from uuid import uuid4

from sqlalchemy.exc import IntegrityError

from app.config import MEBIBYTE
from app.core.audit import Action, Actor, AuditEntry, Result, entry_of, record
from app.core.clock import utc_now
from app.core.exceptions import FieldError, Forbidden, HoldfastError, Invalid
from app.modules.auth.principal import Principal, Scope
from app.modules.files.content import ContentPolicy, canonical
from app.modules.files.exceptions import EmptyFile, FileTooLarge, IdempotencyInProgress
from app.modules.files.idempotency_key_repository import IdempotencyKeyRepository, KeyClaim
from app.modules.files.keys import staging_prefix
from app.modules.files.models import FileUpload, ObjectRole, StoredObject
from app.modules.files.names import clean_filename
from app.modules.files.removal_repository import RemovalRepository
from app.modules.files.repository import FileRepository
from app.modules.files.s3_service import FileStore, ObjectTarget
from app.modules.files.services.drafts import FileDraft, new_file
from app.modules.files.services.idempotency import IdempotencyService, fingerprint
from app.modules.files.services.reservations import CREATED, INTERRUPTED, Reservations
from app.modules.files.services.uploading import UploadDetails
from app.modules.quotas.admission import Quotas, quota_kept
from app.modules.uploads.exceptions import UploadNotFound
from app.modules.uploads.models import UploadMethod, UploadSession
from app.modules.uploads.part_plan import MAX_PART_BYTES, plan_parts
from app.modules.uploads.repository import NEW_UPLOAD, UploadRepository
from app.modules.uploads.services.offers import STAGING_CLASS, Offer, OfferService
from app.modules.uploads.services.shared import Shared

MULTIPART_ABOVE_BYTES = 64 * MEBIBYTE


@dataclass(frozen=True)
class UploadWish:
    """What a client wants to send, and how."""

    filename: str
    content_type: str
    size_bytes: int
    details: UploadDetails
    method: UploadMethod | None = None
    ttl_seconds: int | None = None
    part_bytes: int | None = None
    has_part_checksums: bool = False
    idempotency_key: str | None = None


class CreationService:
    """Reserves files for direct uploads."""

    def __init__(
        self,
        shared: Shared,
        offers: OfferService,
        store: FileStore,
        reservations: Reservations,
        policy: ContentPolicy,
        keys: IdempotencyService,
        quotas: Quotas,
    ) -> None:
        self._settings = shared.settings
        self._database = shared.database
        self._capabilities = shared.capabilities
        self._afterwork = shared.afterwork
        self._offers = offers
        self._store = store
        self._reservations = reservations
        self._policy = policy
        self._keys = keys
        self._quotas = quotas

    async def create(self, principal: Principal, wish: UploadWish) -> tuple[FileUpload, Offer]:
        """Reserve a file and sign where its bytes go.

        Raises:
            HoldfastError: a proxied upload of that name, type or size would be refused too.
            QuotaExceeded: there is no room for it.
        """
        owner = principal.require(Scope.WRITE)
        claim = None if wish.idempotency_key is None else KeyClaim(owner, "uploads", wish.idempotency_key)
        if (earlier := await self._keys.earlier(claim)) is not None:
            return await self._offer_again(principal, await self._keys.replay(principal, earlier, _fingerprint(wish)))
        draft = self._draft(principal, owner, wish)
        method = await self._method(wish)
        part_bytes = None
        if method is UploadMethod.MULTIPART:
            part_bytes = plan_parts(wish.size_bytes, wish.part_bytes).part_bytes
        store = self._settings.store
        wanted = store.longest_url_seconds(wish.ttl_seconds or store.presigned_url_expiry, is_owner=True)
        ttl = await self._offers.longest_ttl_seconds(wanted)
        reserve = partial(self._reserve, principal.actor, draft, wish, method, part_bytes, ttl, claim)
        try:
            file, upload, stored = await reserve(collision=None)
        except IntegrityError:
            file, upload, stored = await reserve(collision=token_hex(4))
        if method is UploadMethod.MULTIPART:
            with self._afterwork.expected():
                await self._begin_multipart(principal.actor, file, upload, stored)
        return file, await self._offers.offer(file, upload, stored)

    def _draft(self, principal: Principal, owner: str, wish: UploadWish) -> FileDraft:
        details = wish.details
        if details.owner_id not in {None, owner} and not principal.is_admin:
            raise Forbidden("Only callers with the scope files:admin may give another owner_id.")
        filename = clean_filename(wish.filename)
        self._policy.check_declared(filename, wish.content_type)
        limit = self._settings.store.max_file_size_bytes
        if wish.size_bytes < 1:
            raise EmptyFile
        if wish.size_bytes > limit:
            raise FileTooLarge(f"The file is larger than the {limit // MEBIBYTE} MB allowed.")
        return FileDraft(
            owner_id=details.owner_id or owner,
            filename=filename,
            content_type=canonical(wish.content_type) or "application/octet-stream",
            folder=details.folder,
            description=details.description,
            is_public=details.is_public,
            metadata=details.metadata,
            expires_at=details.expires_at,
            storage_class=details.storage_class or self._settings.store.storage_class,
        )

    async def _method(self, wish: UploadWish) -> UploadMethod:
        default = UploadMethod.MULTIPART if wish.size_bytes > MULTIPART_ABOVE_BYTES else UploadMethod.PUT
        method = wish.method or default
        if method is UploadMethod.POST and not (await self._capabilities.known()).post_policy:
            raise _wrong("method", "this store takes no form uploads; use put or multipart")
        if method is not UploadMethod.MULTIPART and wish.size_bytes > MAX_PART_BYTES:
            raise _wrong("method", "one request carries at most 5 GiB; use multipart")
        return method

    async def _reserve(
        self,
        actor: Actor,
        draft: FileDraft,
        wish: UploadWish,
        method: UploadMethod,
        part_bytes: int | None,
        ttl_seconds: int,
        claim: KeyClaim | None,
        *,
        collision: str | None,
    ) -> tuple[FileUpload, UploadSession, StoredObject]:
        now = utc_now()
        expires_at = now + max(timedelta(minutes=self._settings.upload.expiry_minutes), timedelta(seconds=ttl_seconds))
        file = new_file(draft, now)
        file.file_size = wish.size_bytes
        stored = self._reservations.new_object(draft, file.id, now, collision=collision)
        stored.held_for, stored.held_bytes, stored.held_files = draft.owner_id, wish.size_bytes, 1
        stored.role = self._offers.role_for(method)
        if stored.role == ObjectRole.STAGING:
            stored.key = f"{staging_prefix(self._settings.store.key_prefix)}{uuid4()}"
        else:
            file.current_object_id, file.current_object = stored.id, stored
        # Until then clients write to it, not a process of ours: the lease has no token.
        stored.lease_expires_at = stored.url_expires_at = expires_at
        upload = UploadSession(
            file_id=file.id,
            object_id=stored.id,
            method=method,
            declared_bytes=wish.size_bytes,
            declared_sha256=wish.details.checksum_sha256,
            part_bytes=part_bytes,
            has_part_checksums=wish.has_part_checksums and method is UploadMethod.MULTIPART,
            url_ttl_seconds=ttl_seconds,
            key_id=actor.api_key_id,
            expires_at=expires_at,
        )
        entry = _entry(actor, file, upload)
        if claim is None:
            parameters = NEW_UPLOAD.parameters(file, stored, upload, entry) | self._quotas.parameters
            with quota_kept():
                await self._database.run_alone(NEW_UPLOAD.statement, parameters)
            return file, upload, stored
        async with self._database.transaction() as session:
            await UploadRepository(session).add(file, stored, upload, entry, self._quotas)
            keys = IdempotencyKeyRepository(session)
            if not await keys.claim(claim, file.id):
                raise IdempotencyInProgress(retry_after_seconds=2)
            await keys.finish(claim, fingerprint=_fingerprint(wish), status_code=CREATED)
        return file, upload, stored

    async def _offer_again(self, principal: Principal, file: FileUpload) -> tuple[FileUpload, Offer]:
        """What the first request got, signed anew: URLs are never kept."""
        async with self._database.transaction() as session:
            uploads = UploadRepository(session)
            found = await uploads.get(file.id)
            # As in `resume`: the key of a request sent again may be another credential's.
            if found is None or not (principal.may_read or found[0].key_id == principal.key_id):
                raise UploadNotFound
            await uploads.require_live_key(found[0])
        return file, await self._offers.offer(file, *found)

    async def _begin_multipart(
        self, actor: Actor, file: FileUpload, upload: UploadSession, stored: StoredObject
    ) -> None:
        """Open the store's upload. Its id never leaves the service in an answer of ours."""
        # An upload that stays where it is keeps this type; if another is found, it has to be copied.
        media_type = self._policy.expected_type(file.filename, file.content_type)
        storage_class = file.storage_class if stored.role == ObjectRole.CONTENT else STAGING_CLASS
        target = ObjectTarget(stored.key, file.id, media_type, storage_class)
        try:
            # Others check each part by what its URL signs alone.
            must_know = upload.has_part_checksums and (await self._capabilities.known()).part_checksums
            stored.upload_id = await self._store.begin_multipart(target, has_part_checksums=must_know)
            async with self._database.transaction() as session:
                await FileRepository(session).note_upload_id(stored.id, None, stored.upload_id)
        except BaseException as failure:
            code = type(failure).code if isinstance(failure, HoldfastError) else INTERRUPTED
            await self._afterwork.run(self._undo(actor, file, stored, code))
            raise

    async def _undo(self, actor: Actor, file: FileUpload, stored: StoredObject, code: str) -> None:
        async with self._database.transaction() as session:
            repository = FileRepository(session)
            await repository.lock(file.id)
            await RemovalRepository(session).abandon(stored.id, None, may_be_multipart=True, look_again=True)
            if await repository.delete(file.id):
                record(
                    session,
                    actor,
                    Action.CREATE_UPLOAD,
                    file_id=file.id,
                    owner_id=file.owner_id,
                    result=Result.REJECTED,
                    details={"code": code},
                )
            await IdempotencyKeyRepository(session).release_file(file.id)


def _entry(actor: Actor, file: FileUpload, upload: UploadSession) -> AuditEntry:
    details = {"method": upload.method, "size_bytes": upload.declared_bytes}
    return entry_of(actor, Action.CREATE_UPLOAD, file_id=file.id, owner_id=file.owner_id, details=details)


def _fingerprint(wish: UploadWish) -> str:
    return fingerprint(asdict(replace(wish, idempotency_key=None)))


def _wrong(field: str, detail: str) -> Invalid:
    wrong = FieldError(f"body.{field}", detail)
    return Invalid("The upload can't be planned; see errors.", errors=(wrong,))
