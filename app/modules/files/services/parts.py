"""What the services of this module are built from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.config import StoreSettings
from app.core.audit import Action, Result, record
from app.core.database import Database
from app.core.exceptions import Forbidden
from app.modules.auth.principal import Principal, Scope
from app.modules.files.repository import FileRepository
from app.modules.files.s3_service import FileStore
from app.modules.files.services.idempotency import IdempotencyService
from app.modules.files.services.renaming import Renaming
from app.modules.files.services.reservations import Reservations


@dataclass(frozen=True)
class ServiceParts:
    """One registry, one store, one way to write: the same for all services."""

    database: Database
    store: FileStore
    reservations: Reservations
    renaming: Renaming
    keys: IdempotencyService
    settings: StoreSettings

    @asynccontextmanager
    async def attempt(self, principal: Principal, action: Action, file_id: UUID) -> AsyncIterator[AsyncSession]:
        """A transaction in which a caller changes a file; if it may not, the journal says so.

        That entry needs a transaction of its own, as this one is undone. None is written for a file that the
        caller doesn't even see: nobody shall fill the journal with ids that don't exist.

        Raises:
            Forbidden: the credential can't write at all, of which the journal says nothing.
        """
        principal.require(Scope.WRITE)
        try:
            async with self.database.transaction() as session:
                yield session
        except Forbidden:
            async with self.database.transaction() as session:
                seen = await FileRepository(session).readable(principal, file_id)
                if seen is not None:
                    record(
                        session,
                        principal.actor,
                        action,
                        file_id=file_id,
                        owner_id=seen.owner_id,
                        result=Result.DENIED,
                    )
            raise
