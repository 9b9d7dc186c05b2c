"""Builds what a process works with, whether it serves or only does the work behind the scenes; and takes it down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from app.config import Settings
from app.core.background import BackgroundLoop
from app.core.buffered_bodies import BufferedBodies
from app.core.capabilities.store import StoreCapabilities
from app.core.database import Database
from app.core.deadline import Deadline
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

log = structlog.get_logger()
# The share of the time to stop that is kept for closing connections, and for what the command does afterwards.
CLOSING_RESERVE = 0.1


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

    def loops(self) -> list[BackgroundLoop]:
        """What goes on beside requests for as long as the process lives."""
        cleanup_seconds = self.settings.upload.cleanup_interval_seconds
        loops = [
            self.capabilities.loop(),
            self.files.cleanup.loop(cleanup_seconds),
            self.files.removal.staging_loop(cleanup_seconds),
        ]
        if (pass_seconds := self.settings.maintenance.maintenance_interval_seconds) > 0:
            loops.append(self.maintenance.loop(pass_seconds))
        if self.settings.outbox.enabled:
            loops.append(self.outbox.loop())
        return loops


@asynccontextmanager
async def composed(settings: Settings, deadline: Deadline | None = None) -> AsyncIterator[Composition]:
    """The parts, until the block ends. Cut-off uploads are still undone then, within what is left of the deadline."""
    deadline = deadline or Deadline(settings.server.shutdown_grace_seconds)
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
        deadline.begin()
        bodies.close()

        def left_seconds() -> float:
            return deadline.left_seconds(reserve=CLOSING_RESERVE)

        await afterwork.finish(left_seconds())
        if settings.outbox.enabled:
            await outbox.stop(left_seconds())
        await s3.close(left_seconds())
        await _close({"auth": auth.close(), "database": database.close()}, deadline.left_seconds())
        if rate_counter is not None:
            await _close({"rate_limit_storage": rate_counter.close()}, deadline.left_seconds())


async def _close(closing: Mapping[str, Coroutine[Any, Any, None]], timeout_seconds: float) -> None:
    """Close what others answer for; one that doesn't answer is left, since the process ends anyway."""
    tasks = {asyncio.create_task(each): name for name, each in closing.items()}
    done, left = await asyncio.wait(tasks, timeout=timeout_seconds)
    for task in left:
        log.warning("not_closed", part=tasks[task])
        task.cancel()
    for task in done:
        await task
