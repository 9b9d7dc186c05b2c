"""Builds the module's services from what a process or a command has."""

from __future__ import annotations

from app.config import MaintenanceSettings
from app.core.database import Database
from app.core.resources import Afterwork
from app.core.s3.adapter import S3
from app.modules.files.s3_service import FileStore
from app.modules.files.services.cleanup import CleanupService
from app.modules.maintenance.services.expiry import ExpireJob
from app.modules.maintenance.services.jobs import MaintenanceService
from app.modules.maintenance.services.purge import PurgeJob
from app.modules.maintenance.services.quarantine import Quarantine
from app.modules.maintenance.services.reconcile import ReconcileJob
from app.modules.maintenance.services.repair import Repair
from app.modules.maintenance.services.scrub import ScrubJob
from app.modules.maintenance.services.survey import Survey


def build_maintenance(
    settings: MaintenanceSettings, lease_seconds: float, database: Database, s3: S3, afterwork: Afterwork
) -> MaintenanceService:
    """All jobs, sharing one store."""
    store = FileStore(s3)
    quarantine = Quarantine(database, s3, store, lease_seconds)
    repair = Repair(database, s3, store, quarantine)
    return MaintenanceService(
        database,
        afterwork,
        ExpireJob(database, CleanupService(database, store)),
        PurgeJob(database, settings),
        ReconcileJob(Survey(database, s3), repair, s3.settings.key_prefix, settings),
        ScrubJob(database, store, settings),
        quarantine,
    )
