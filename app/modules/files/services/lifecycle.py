"""Soft delete, restore, hard delete, copy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from app.core.clock import utc_now
from app.core.database import Database
from app.core.exceptions import Forbidden
from app.core.http_conditions import matches_etag
from app.core.s3_errors import ObjectChanged, ObjectNotFound
from app.modules.auth.principal import Principal, Scope
from app.modules.files.content import ContentPolicy
from app.modules.files.exceptions import FileNotAvailable, FileNotFound, PreconditionFailed
from app.modules.files.key_repository import KeyClaim
from app.modules.files.models import ChecksumKind, FileStatus, FileUpload
from app.modules.files.names import clean_filename
from app.modules.files.removal_repository import RemovalRepository
from app.modules.files.repository import FileRepository
from app.modules.files.s3_service import CopySource, FileStore
from app.modules.files.services.idempotency import IdempotencyService, fingerprint
from app.modules.files.services.reading import is_deleted
from app.modules.files.services.reservations import FileDraft, Reservation, Reservations, VerifiedContent


@dataclass(frozen=True)
class CopyChanges:
    """What is to be different about a copy; None takes the source's."""

    folder: str | None = None
    filename: str | None = None
    metadata: dict[str, Any] | None = None


def record_etag(file: FileUpload) -> str:
    """The ETag of the record: it changes with every change of it."""
    return f'"v{file.version}"'


class LifecycleService:
    """Changes files that the caller owns."""

    def __init__(
        self,
        database: Database,
        store: FileStore,
        reservations: Reservations,
        policy: ContentPolicy,
        keys: IdempotencyService,
    ) -> None:
        self._keys = keys
        self._database = database
        self._store = store
        self._reservations = reservations
        self._policy = policy

    async def delete(self, principal: Principal, file_id: UUID, *, if_match: str | None) -> None:
        """Hide a file; its bytes stay until it is purged. Again is no error.

        Raises:
            FileNotAvailable: it is still being written.
        """
        async with self._database.transaction() as session:
            file = await self._changeable(FileRepository(session), principal, file_id, if_match)
            if file.status == FileStatus.DELETED:
                return
            if file.status != FileStatus.AVAILABLE:
                raise FileNotAvailable(f"The file is {file.status}; remove it with hard_delete=true.")
            file.status = FileStatus.DELETED
            file.deleted_at = utc_now()
            _touch(file)

    async def restore(self, principal: Principal, file_id: UUID, *, if_match: str | None) -> FileUpload:
        """Undo a soft delete; an available file is returned as it is."""
        async with self._database.transaction() as session:
            file = await self._changeable(FileRepository(session), principal, file_id, if_match)
            if file.status not in {FileStatus.AVAILABLE, FileStatus.DELETED}:
                raise FileNotAvailable(f"The file is {file.status}; there is nothing to restore.")
            if is_deleted(file):
                if file.expires_at is not None and file.expires_at <= utc_now():
                    # It would be deleted again in the same moment.
                    file.expires_at = None
                file.status = FileStatus.AVAILABLE
                file.deleted_at = None
                _touch(file)
        return file

    async def hard_delete(self, principal: Principal, file_id: UUID, *, if_match: str | None) -> None:
        """Remove a file for good: from the registry at once, its bytes by the outbox."""
        async with self._database.transaction() as session:
            repository = FileRepository(session)
            await self._changeable(repository, principal, file_id, if_match)
            await RemovalRepository(session).give_up_all(file_id)
            await repository.delete(file_id)

    async def copy(
        self, principal: Principal, file_id: UUID, changes: CopyChanges, *, idempotency_key: str | None = None
    ) -> FileUpload:
        """A new file with the same bytes, copied inside the store.

        Raises:
            FileNotAvailable: the source's bytes are not verified, or went while they were copied.
        """
        principal.require(Scope.READ)
        owner = principal.require(Scope.WRITE)
        said = fingerprint({"source": file_id, **asdict(changes)})
        claim = None if idempotency_key is None else KeyClaim(owner, "copy", idempotency_key)
        if (earlier := await self._keys.earlier(claim)) is not None:
            return await self._keys.replay(earlier, said)
        async with self._database.transaction() as session:
            source = await self._changeable(FileRepository(session), principal, file_id, if_match=None)
        if is_deleted(source):
            raise FileNotFound("The file was deleted; restore it first.")
        stored = source.current_object
        if source.status != FileStatus.AVAILABLE or stored is None:
            raise FileNotAvailable(f"The file is {source.status}; it can't be copied.")
        filename = source.filename if changes.filename is None else clean_filename(changes.filename)
        if changes.filename is not None:
            self._policy.check_declared(filename, source.content_type)
        draft = FileDraft(
            owner_id=source.owner_id if principal.is_admin else owner,
            filename=filename,
            content_type=source.content_type,
            folder=source.folder if changes.folder is None else changes.folder,
            description=source.description,
            metadata=source.attributes if changes.metadata is None else changes.metadata,
            storage_class=source.storage_class,
        )
        kind = ChecksumKind.COPIED if stored.sha256 else None
        content = VerifiedContent(stored.size_bytes or 0, stored.sha256, kind, said)

        async def write(reservation: Reservation) -> tuple[FileDraft, VerifiedContent]:
            reservation.may_be_multipart = self._store.is_copied_by_parts(content.size_bytes)
            try:
                await self._store.copy(
                    CopySource(stored.key, content.size_bytes, stored.etag or ""), reservation.target
                )
            except (ObjectNotFound, ObjectChanged) as error:
                raise FileNotAvailable("The file's content went away while it was copied.") from error
            return draft, content

        return await self._reservations.run(draft, write, key=claim)

    async def _changeable(
        self, repository: FileRepository, principal: Principal, file_id: UUID, if_match: str | None
    ) -> FileUpload:
        """A file that the caller owns, locked; what it only sees it may not change."""
        principal.require(Scope.WRITE)
        file = await repository.owned(principal, file_id, for_update=True)
        if file is None:
            if await repository.readable(principal, file_id) is not None:
                raise Forbidden("The file is public, but not yours to change.")
            raise FileNotFound
        if if_match is not None and not matches_etag(if_match, record_etag(file), weak=False):
            raise PreconditionFailed
        return file


def _touch(file: FileUpload) -> None:
    file.version += 1
    file.updated_at = utc_now()
