"""Builds what a process works with, whether it serves or only does the work behind the scenes; and takes it down."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.config import Settings
from app.core.background import BackgroundLoop
from app.core.capabilities.store import StoreCapabilities
from app.core.database import Database
from app.core.logging import hide
from app.core.outbox import Outbox
from app.core.pagination import CursorSigner
from app.core.resources import Afterwork
from app.core.s3.adapter import S3
from app.modules.audit.service import AuditService
from app.modules.auth.assembly import AuthServices, build_auth_services
from app.modules.files.assembly import build_file_services
from app.modules.files.dependencies import FileServices
from app.modules.files.removal_repository import REMOVE_OBJECT
from app.modules.maintenance.assembly import build_maintenance
from app.modules.maintenance.services.jobs import MaintenanceService
from app.modules.quotas.service import QuotaService
from app.modules.rates.counter import RateCounter, build_rate_counter
from app.modules.rates.upload_slots import UploadSlots
from app.modules.sharing.services import GrantService
from app.modules.uploads.assembly import build_upload_services
from app.modules.uploads.dependencies import UploadServices
from app.modules.uploads.repository import VERIFY_UPLOAD


@dataclass(frozen=True)
class Composition:
    """The parts of one process."""

    settings: Settings
    database: Database
    s3: S3
    capabilities: StoreCapabilities
    auth: AuthServices
    audit: AuditService
    quotas: QuotaService
    files: FileServices
    grants: GrantService
    uploads: UploadServices
    maintenance: MaintenanceService
    outbox: Outbox
    rate_counter: RateCounter | None
    upload_slots: UploadSlots

    def loops(self) -> list[BackgroundLoop]:
        """What goes on beside requests for as long as the process lives."""
        loops = [self.capabilities.loop(), self.files.cleanup.loop(self.settings.upload.cleanup_interval_seconds)]
        if (pass_seconds := self.settings.maintenance.maintenance_interval_seconds) > 0:
            loops.append(self.maintenance.loop(pass_seconds))
        if self.settings.outbox.enabled:
            loops.append(self.outbox.loop())
        return loops


@asynccontextmanager
async def composed(settings: Settings) -> AsyncIterator[Composition]:
    """The parts, until the block ends. Cut-off uploads are still undone then, within the grace time."""
    hide(settings.hidden_values)
    database, s3, afterwork = Database(settings.database), S3(settings.store), Afterwork()
    capabilities = StoreCapabilities(database, s3, settings.store.capabilities)
    auth = build_auth_services(settings, database, afterwork)
    audit = AuditService(database, CursorSigner(settings.signing_secret))
    quotas = QuotaService(database, settings.quota)
    files = build_file_services(settings, database, s3, afterwork)
    uploads = build_upload_services(settings, database, s3, capabilities, afterwork, files)
    lease_seconds = settings.upload.lease_seconds
    maintenance = build_maintenance(settings.maintenance, lease_seconds, database, s3, afterwork)
    handlers = {REMOVE_OBJECT: files.services.removal.remove, VERIFY_UPLOAD: uploads.completion.verify}
    outbox = Outbox(database, settings.outbox, handlers)
    rate_counter, upload_slots = build_rate_counter(settings.rates), UploadSlots(settings.rates.uploads_max_concurrent)
    try:
        yield Composition(
            settings,
            database,
            s3,
            capabilities,
            auth,
            audit,
            quotas,
            files.services,
            GrantService(database),
            uploads,
            maintenance,
            outbox,
            rate_counter,
            upload_slots,
        )
    finally:
        await auth.close()
        # All of it within one grace time: whoever stops processes doesn't wait three times.
        over = time.monotonic() + settings.server.shutdown_grace_seconds

        def left_seconds() -> float:
            return max(0.0, over - time.monotonic())

        await afterwork.finish(left_seconds())
        if settings.outbox.enabled:
            await outbox.stop(left_seconds())
        await s3.close(left_seconds())
        await database.close()
        if rate_counter is not None:
            await rate_counter.close()
