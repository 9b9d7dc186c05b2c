"""Builds the module's services from what the process shares."""

from __future__ import annotations

from dataclasses import dataclass

from app.config import Settings
from app.core.database import Database
from app.core.pagination import CursorSigner
from app.core.resources import Afterwork
from app.core.s3.adapter import S3
from app.core.signing_secret import SigningSecret
from app.modules.files.content import ContentPolicy, detect
from app.modules.files.dependencies import FileServices
from app.modules.files.s3_service import FileStore
from app.modules.files.services.batch import BatchService
from app.modules.files.services.cleanup import CleanupService
from app.modules.files.services.copying import CopyingService
from app.modules.files.services.editing import EditService
from app.modules.files.services.idempotency import IdempotencyService
from app.modules.files.services.lifecycle import LifecycleService
from app.modules.files.services.listing import ListingService
from app.modules.files.services.parts import ServiceParts
from app.modules.files.services.reading import ReadService
from app.modules.files.services.receiving import Receiving
from app.modules.files.services.removal import RemovalService
from app.modules.files.services.renaming import Renaming
from app.modules.files.services.replacing import ReplaceService
from app.modules.files.services.reservations import Reservations
from app.modules.files.services.uploading import UploadService
from app.modules.files.services.verification import Verifier
from app.modules.quotas.admission import Quotas


@dataclass(frozen=True)
class FileParts:
    """The services, and what modules above build theirs from."""

    services: FileServices
    store: FileStore
    policy: ContentPolicy
    reservations: Reservations
    keys: IdempotencyService
    quotas: Quotas


def build_file_services(
    settings: Settings, database: Database, s3: S3, secret: SigningSecret, afterwork: Afterwork
) -> FileParts:
    """All services of the module, sharing one store, one policy, one way to write."""
    store = FileStore(s3)
    policy = ContentPolicy.from_settings(settings.store.allowed_extensions, settings.store.allowed_mime_types)
    # The first verdict on binary content loads libmagic's rules.
    detect(b"\xff\x00")
    quotas = Quotas(settings.quota)
    reservations = Reservations(database, store, settings.store, quotas, afterwork, settings.upload.lease_seconds)
    parts = ServiceParts(
        database=database,
        store=store,
        reservations=reservations,
        renaming=Renaming(policy, Verifier(store, policy)),
        keys=IdempotencyService(database),
        quotas=quotas,
        settings=settings.store,
    )
    receiving = Receiving(reservations, store, policy, settings.store.max_file_size_bytes)
    lifecycle = LifecycleService(parts)
    services = FileServices(
        uploads=UploadService(parts, receiving),
        reader=ReadService(database, store, settings.store),
        listing=ListingService(database, CursorSigner(secret)),
        lifecycle=lifecycle,
        editing=EditService(parts),
        replacing=ReplaceService(parts, receiving),
        batch=BatchService(database, CopyingService(database, lifecycle)),
        cleanup=CleanupService(database, store),
        removal=RemovalService(database, store, settings.upload, settings.store.key_prefix),
        upload_settings=settings.upload,
    )
    return FileParts(services, store, policy, reservations, parts.keys, quotas)
