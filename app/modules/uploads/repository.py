"""Queries on upload sessions. None commits."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import Action, Actor, AuditEntry, record
from app.core.outbox import OutboxEntry, enqueue
from app.modules.auth.api_key_repository import ApiKeyRepository
from app.modules.files.entry import Entry
from app.modules.files.models import FileStatus, FileUpload, StoredObject
from app.modules.files.repository import HELD_BYTES
from app.modules.quotas.admission import Quotas, quota_kept
from app.modules.uploads.exceptions import UploadExpired
from app.modules.uploads.models import UploadSession

VERIFY_UPLOAD = "upload.verify"
NEW_UPLOAD = Entry(StoredObject, FileUpload, AuditEntry, UploadSession, computed=HELD_BYTES)


class UploadRepository:
    """Queries within one transaction, whose owner commits."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(
        self, file: FileUpload, stored: StoredObject, upload: UploadSession, entry: AuditEntry, quotas: Quotas
    ) -> None:
        """Enter a file, the object that the client writes, the session, and who began it, in one round trip.

        Raises:
            QuotaExceeded: there is no room for it.
        """
        with quota_kept():
            await self._session.execute(
                NEW_UPLOAD.statement, NEW_UPLOAD.parameters(file, stored, upload, entry) | quotas.parameters
            )

    async def get(self, file_id: UUID) -> tuple[UploadSession, StoredObject] | None:
        """The session of a file, with the object that the client writes."""
        query = (
            select(UploadSession, StoredObject)
            .join(StoredObject, StoredObject.id == UploadSession.object_id)
            .where(UploadSession.file_id == file_id)
        )
        row = (await self._session.execute(query)).one_or_none()
        return None if row is None else (row[0], row[1])

    async def require_live_key(self, upload: UploadSession) -> None:
        """Check that the API key that began an upload, if it was one, is still in use.

        Raises:
            UploadExpired: it isn't.
        """
        if upload.key_id is not None and not await ApiKeyRepository(self._session).is_live(upload.key_id):
            raise UploadExpired("The API key that began the upload was revoked or has expired; begin a new upload.")

    async def may_try(self, file_id: UUID, *, pause_seconds: float) -> bool:
        """Whether it's time for another look at a pending upload; who gets True is the only one for that long."""
        query = (
            update(UploadSession)
            .where(
                UploadSession.file_id == file_id,
                or_(
                    UploadSession.tried_at.is_(None),
                    UploadSession.tried_at < func.now() - timedelta(seconds=pause_seconds),
                ),
            )
            .values(tried_at=func.now())
            .returning(UploadSession.file_id)
        )
        return await self._session.scalar(query) is not None

    async def start_verifying(self, actor: Actor, file_id: UUID) -> bool:
        """Leave the reading of the bytes to a job; False when the file is no longer pending."""
        query = (
            update(FileUpload)
            .where(FileUpload.id == file_id, FileUpload.status == FileStatus.PENDING)
            .values(status=FileStatus.VERIFYING, version=FileUpload.version + 1, updated_at=func.now())
            .returning(FileUpload.owner_id)
        )
        owner_id = await self._session.scalar(query)
        if owner_id is None:
            return False
        details = {"status": FileStatus.VERIFYING}
        record(self._session, actor, Action.COMPLETE, file_id=file_id, owner_id=owner_id, details=details)
        enqueue(self._session, [OutboxEntry(topic=VERIFY_UPLOAD, subject=file_id)])
        return True
