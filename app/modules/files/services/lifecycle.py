"""Soft delete, restore, hard delete, copy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from app.core.audit import Action, record
from app.core.clock import utc_now
from app.core.s3.errors import ObjectChanged, ObjectNotFound
from app.modules.auth.principal import Principal, Scope
from app.modules.files.exceptions import FileNotAvailable
from app.modules.files.idempotency_key_repository import KeyClaim
from app.modules.files.models import ChecksumKind, FileUpload
from app.modules.files.names import clean_filename
from app.modules.files.removal_repository import RemovalRepository
from app.modules.files.repository import FileRepository
from app.modules.files.s3_service import CopySource
from app.modules.files.services.drafts import FileDraft, VerifiedContent
from app.modules.files.services.idempotency import fingerprint
from app.modules.files.services.parts import ServiceParts
from app.modules.files.services.purposes import NewFile
from app.modules.files.services.records import owned, refusal
from app.modules.files.services.reservations import Reservation
from app.modules.files.services.transitions import apply, copyable, deletion, restoration

# What a caller is told who sees a file without being entrusted with it.
NOT_YOURS_TO_COPY = "The file is public, but not yours to copy."


@dataclass(frozen=True)
class CopyChanges:
    """What is to be different about a copy; None takes the source's."""

    folder: str | None = None
    filename: str | None = None
    metadata: dict[str, Any] | None = None


class LifecycleService:
    """Ends and brings back files that the caller owns; copies what is entrusted to it."""

    def __init__(self, parts: ServiceParts) -> None:
        self._parts = parts

    async def delete(self, principal: Principal, file_id: UUID, *, if_match: str | None) -> None:
        """Hide a file; its bytes stay until it is purged. Again is no error.

        Raises:
            FileNotAvailable: it is still being written.
        """
        async with self._parts.attempt(principal, Action.DELETE, file_id) as session:
            file = await owned(FileRepository(session), principal, file_id, if_match)
            if not (values := deletion(file, utc_now())):
                return
            apply(file, values)
            record(session, principal.actor, Action.DELETE, file_id=file_id, owner_id=file.owner_id)

    async def restore(self, principal: Principal, file_id: UUID, *, if_match: str | None) -> FileUpload:
        """Undo a soft delete; an available file is returned as it is."""
        async with self._parts.attempt(principal, Action.RESTORE, file_id) as session:
            file = await owned(FileRepository(session), principal, file_id, if_match)
            if values := restoration(file, utc_now()):
                apply(file, values)
                record(session, principal.actor, Action.RESTORE, file_id=file_id, owner_id=file.owner_id)
        return file

    async def hard_delete(
        self, principal: Principal, file_id: UUID, *, if_match: str | None, action: Action = Action.HARD_DELETE
    ) -> None:
        """Remove a file for good: from the registry at once, its bytes by the outbox. The journal calls it `action`."""
        async with self._parts.attempt(principal, action, file_id) as session:
            repository = FileRepository(session)
            file = await owned(repository, principal, file_id, if_match)
            record(session, principal.actor, action, file_id=file_id, owner_id=file.owner_id)
            await RemovalRepository(session).give_up_all(file_id)
            await repository.delete(file_id)

    async def copy(
        self,
        principal: Principal,
        file_id: UUID,
        changes: CopyChanges,
        *,
        idempotency_key: str | None = None,
        route: str = "copy",
    ) -> FileUpload:
        """A new file with the same bytes, copied inside the store; the caller's own.

        Args:
            principal: the caller, who owns the source or was granted it.
            file_id: the source.
            changes: what is to be different about the copy.
            idempotency_key: the same copy with the same key on the same `route` is made once.
            route: where the key was given.

        Raises:
            FileNotAvailable: the source's bytes are not verified, or went while they were copied.
            QuotaExceeded: there is no room for another file of that size.
        """
        principal.require(Scope.READ)
        owner = principal.require(Scope.WRITE)
        said = fingerprint({"source": file_id, **asdict(changes)})
        claim = None if idempotency_key is None else KeyClaim(owner, route, idempotency_key)
        if (earlier := await self._parts.keys.earlier(claim)) is not None:
            return await self._parts.keys.replay(principal, earlier, said)
        async with self._parts.attempt(principal, Action.COPY, file_id) as session:
            repository = FileRepository(session)
            source = await repository.entrusted(principal, file_id)
            if source is None:
                raise await refusal(repository, principal, file_id, NOT_YOURS_TO_COPY)
        stored = copyable(source)
        filename = source.filename if changes.filename is None else clean_filename(changes.filename)
        draft = FileDraft(
            owner_id=source.owner_id if principal.is_admin else owner,
            filename=filename,
            content_type=await self._parts.renaming.content_type_of(source, stored, filename),
            folder=source.folder if changes.folder is None else changes.folder,
            description=source.description,
            metadata=source.attributes if changes.metadata is None else changes.metadata,
            storage_class=source.storage_class,
        )
        kind = ChecksumKind.COPIED if stored.sha256 else None
        content = VerifiedContent(stored.size_bytes or 0, stored.sha256, kind, said)

        async def write(reservation: Reservation) -> tuple[FileDraft, VerifiedContent]:
            store, size_bytes, etag = self._parts.store, content.size_bytes, stored.etag or ""
            try:
                bytes_of = CopySource(stored.key, size_bytes, etag, await store.head(stored.key))
                reservation.may_be_multipart = store.is_copied_by_parts(bytes_of, draft.storage_class)
                await store.copy(bytes_of, reservation.target)
            except (ObjectNotFound, ObjectChanged) as error:
                raise FileNotAvailable("The file's content went away while it was copied.") from error
            return draft, content

        purpose = NewFile(principal.actor, Action.COPY, source_id=str(file_id))
        return await self._parts.reservations.run(
            draft, write, most_bytes=content.size_bytes, purpose=purpose, key=claim
        )
