"""Builds what a process works with, whether it serves or only does the work behind the scenes; and takes it down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from app.config import Settings
from app.core.buffered_bodies import BufferedBodies
from app.core.capabilities.store import StoreCapabilities
from app.core.database import Database
from app.core.logging import hide
from app.core.outbox import Outbox
from app.core.pace import Pace
from app.core.pagination import CursorSigner
from app.core.resources import Afterwork
from app.core.s3.adapter import S3
from app.core.signing_secret import SigningSecret
from app.modules.audit.service import AuditService
from app.modules.auth.assembly import AuthServices, build_auth_services
from app.modules.files.assembly import build_file_services
from app.modules.files.dependencies import FileServices
from app.modules.files.removal_repository import REMOVE_OBJECT
from app.modules.maintenance.assembly import build_maintenance
from app.modules.maintenance.services.jobs import MaintenanceService
from app.modules.quotas.service import QuotaService
from app.modules.rates.batches import build_batch_shares
from app.modules.rates.callers import holders_of
from app.modules.rates.counter import RateCounter, build_rate_counter
from app.modules.rates.shares import Shares
from app.modules.rates.transfers import Transfers, build_transfers
from app.modules.sharing.services import GrantService
from app.modules.uploads.assembly import build_upload_services
from app.modules.uploads.dependencies import UploadServices
from app.modules.uploads.repository import VERIFY_UPLOAD

LOOPS_END_SECONDS = 1.0


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
    transfers: Transfers
    bodies: BufferedBodies
    batch_shares: Shares

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """What goes on beside requests for as long as the process lives."""
        loops = [self.capabilities.keep_learning()]
        loops.append(self.files.cleanup.run_forever(self.settings.upload.cleanup_interval_seconds))
        loops.append(self.files.removal.keep_staging_clear(self.settings.upload.cleanup_interval_seconds))
        loops.append(self.maintenance.run_forever(self.settings.maintenance.maintenance_interval_seconds))
        if self.settings.outbox.enabled:
            loops.append(self.outbox.run_forever())
        return loops


@asynccontextmanager
async def composed(settings: Settings) -> AsyncIterator[Composition]:
    """The parts, until the block ends. Cut-off uploads are still undone then, within the grace time."""
    hide(settings.hidden_values)
    database, s3, afterwork = Database(settings.database), S3(settings.store), Afterwork()
    capabilities = StoreCapabilities(database, s3, settings.store.capabilities)
    secret = SigningSecret(settings.signing_secret, database)
    auth = build_auth_services(settings, database, secret, afterwork)
    audit = AuditService(database, CursorSigner(secret))
    quotas = QuotaService(database, settings.quota)
    files = build_file_services(settings, database, s3, secret, afterwork)
    uploads = build_upload_services(settings, database, s3, capabilities, secret, afterwork, files)
    lease_seconds = settings.upload.lease_seconds
    maintenance = build_maintenance(settings.maintenance, lease_seconds, database, s3, afterwork)
    handlers = {REMOVE_OBJECT: files.services.removal.remove, VERIFY_UPLOAD: uploads.completion.verify}
    outbox = Outbox(database, settings.outbox, handlers)
    rate_counter = build_rate_counter(settings.rates)
    transfers = build_transfers(settings, most_readers=s3.readers.max_streams)
    pace = partial(Pace, settings.upload.idle_timeout_seconds, settings.upload.min_bytes_per_second)
    bodies = BufferedBodies(settings.body, pace, holders_of)
    batch_shares = build_batch_shares(settings.rates)
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
            transfers,
            bodies,
            batch_shares,
        )
    finally:
        await auth.close()
        bodies.close()
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


@asynccontextmanager
async def going_on(*loops: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """Run these beside the block, and end them with it."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        # What they hold is given back, such as the lease of a job; a call to a store that hangs isn't waited for.
        await asyncio.wait(tasks, timeout=LOOPS_END_SECONDS)
