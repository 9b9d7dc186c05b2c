"""What the services of this module are built from."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.config import StoreSettings
from app.core.audit import Action
from app.core.database import Database
from app.modules.auth.principal import Principal
from app.modules.files.s3_service import FileStore
from app.modules.files.services.attempts import attempt
from app.modules.files.services.idempotency import IdempotencyService
from app.modules.files.services.renaming import Renaming
from app.modules.files.services.reservations import Reservations
from app.modules.quotas.admission import Quotas


@dataclass(frozen=True)
class ServiceParts:
    """One registry, one store, one way to write: the same for all services."""

    database: Database
    store: FileStore
    reservations: Reservations
    renaming: Renaming
    keys: IdempotencyService
    quotas: Quotas
    settings: StoreSettings

    def attempt(self, principal: Principal, action: Action, file_id: UUID) -> AbstractAsyncContextManager[AsyncSession]:
        """A transaction in which a caller changes a file; see there."""
        return attempt(self.database, principal, action, file_id)
