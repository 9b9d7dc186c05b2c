"""Objects that nobody knows are moved aside before they are removed, and can be moved back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from uuid import UUID, uuid4

import structlog

from app.core.clock import new_id, utc_now
from app.core.database import Database
from app.core.exceptions import Conflict, NotFound
from app.core.leases import renewing
from app.core.s3.adapter import S3
from app.core.s3.errors import ObjectNotFound, StoreRefusedBody
from app.core.s3.listing import ListedObject
from app.core.s3.moves import ExactObject, copy_as_it_is, remove_exactly
from app.modules.files.models import ObjectRole, ObjectState, StoredObject
from app.modules.files.removal_repository import RemovalRepository
from app.modules.files.repository import FileRepository
from app.modules.files.s3_service import FileStore
from app.modules.maintenance.ledger_repository import LedgerRepository
from app.modules.maintenance.services.comparison import QUARANTINE

log = structlog.get_logger()
MAX_KEY_BYTES = 1024


class NotAside(NotFound):
    """No object of that id lies aside."""

    detail = "No object of that id lies aside; python -m app maintain quarantine lists them."


class PlaceTaken(Conflict):
    """Something lies under the original key again."""

    detail = "There is an object under the original key again; move it away first."


class LeaseLost(Conflict):
    """The copy took longer than its lease could be renewed; it's removed by whoever took it over."""

    detail = "The lease on the object aside was lost while it was being copied."


class Quarantine:
    """Moves objects below `.holdfast/quarantine/` and back, pinned to the bytes that were seen.

    Args:
        lease_seconds: how long a dead process's copy counts as being made.
    """

    def __init__(
        self,
        database: Database,
        s3: S3,
        store: FileStore,
        lease_seconds: float,
    ) -> None:
        self._database = database
        self._s3 = s3
        self._store = store
        self._lease_seconds = lease_seconds
        self._copy_limit_bytes = s3.settings.copy_limit_bytes
        self._prefix = s3.settings.key_prefix

    async def move_aside(self, entry: ListedObject) -> UUID:
        """Copy an object or version aside, look at the copy, then remove the original.

        Raises:
            ObjectNotFound, ObjectChanged: it's no longer the one that was seen; nothing was removed.
        """
        source = ExactObject(entry.key, entry.size_bytes, entry.etag, entry.version_id)
        object_id, token = new_id(), uuid4()
        aside = StoredObject(
            id=object_id,
            key=self._key_for(object_id, entry.key),
            file_id=object_id,
            role=ObjectRole.QUARANTINE,
            state=ObjectState.RESERVED,
            original_key=entry.key,
            lease_token=token,
            lease_expires_at=utc_now() + timedelta(seconds=self._lease_seconds),
        )
        async with self._database.transaction() as session:
            FileRepository(session).add_object(aside)
        try:
            await self._copy(source, aside, token)
        except Exception:
            # Whoever is cancelled here doesn't wait for the registry: the lease runs out, and the cleanup does it.
            await self._give_up(object_id, token)
            raise
        await remove_exactly(self._s3, source)
        log.info("object_moved_aside", object_id=str(object_id), size_bytes=entry.size_bytes)
        return object_id

    async def _copy(self, source: ExactObject, aside: StoredObject, token: UUID) -> None:
        async with self._lease_kept(aside.id, token):
            await copy_as_it_is(self._s3, source, aside.key, limit_bytes=self._copy_limit_bytes)
            head = await self._store.head(aside.key)
        if head.size_bytes != source.size_bytes:
            raise StoreRefusedBody("The copy aside has another size than its original.")
        async with self._database.transaction() as session:
            if not await FileRepository(session).mark_stored(
                aside.id, token, size_bytes=head.size_bytes, etag=head.etag, version_id=head.version_id
            ):
                raise LeaseLost

    async def restore(self, object_id: UUID) -> str:
        """Move an object back, and remember that it's somebody else's; returns its key.

        Raises:
            NotAside, PlaceTaken: see there.
        """
        async with self._database.transaction() as session:
            aside = await LedgerRepository(session).one_aside(object_id)
        if aside is None or aside.original_key is None:
            raise NotAside
        key = aside.original_key
        try:
            await self._store.head(key)
        except ObjectNotFound:
            source = ExactObject(aside.key, aside.size_bytes or 0, aside.etag or "")
            await copy_as_it_is(self._s3, source, key, limit_bytes=self._copy_limit_bytes)
        else:
            raise PlaceTaken
        head = await self._store.head(key)
        async with self._database.transaction() as session:
            if not await LedgerRepository(session).know_as_foreign(
                key, size_bytes=head.size_bytes, etag=head.etag, version_id=head.version_id
            ):
                raise PlaceTaken("The ledger has the original key as one of ours.")
            await RemovalRepository(session).give_up(object_id)
        log.info("object_restored", object_id=str(object_id))
        return key

    async def listing(self) -> Sequence[StoredObject]:
        """What lies aside, oldest first."""
        async with self._database.transaction() as session:
            return await LedgerRepository(session).aside()

    def _key_for(self, object_id: UUID, key: str) -> str:
        lead = f"{self._prefix}{QUARANTINE}{object_id}/"
        room = MAX_KEY_BYTES - len(lead)
        # The end says what it is; the whole stands in the ledger.
        return lead + key.removeprefix(self._prefix).encode()[-room:].decode(errors="ignore")

    def _lease_kept(self, object_id: UUID, token: UUID) -> AbstractAsyncContextManager[None]:
        async def renew() -> bool:
            async with self._database.transaction() as session:
                return await FileRepository(session).renew_lease(object_id, token, self._lease_seconds)

        return renewing(renew, self._lease_seconds, lost=LeaseLost, object_id=str(object_id))

    async def _give_up(self, object_id: UUID, token: UUID) -> None:
        """Leave no half-made copy, nor an upload that was to become one."""
        async with self._database.transaction() as session:
            await RemovalRepository(session).abandon(object_id, token, may_be_multipart=True, look_again=True)
