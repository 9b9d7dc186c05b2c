"""Builds the module's services on top of the files module's."""

from __future__ import annotations

from app.config import Settings
from app.core.capabilities import StoreCapabilities
from app.core.database import Database
from app.core.resources import Afterwork
from app.core.s3 import S3
from app.modules.files.assembly import FileParts
from app.modules.files.services.promotion import PromotionService
from app.modules.files.services.verification import Verifier
from app.modules.uploads.dependencies import UploadServices
from app.modules.uploads.services.completion import CompletionService
from app.modules.uploads.services.creation import CreationService
from app.modules.uploads.services.offers import OfferService
from app.modules.uploads.uppy_tokens import ControlTokens


def build_upload_services(
    settings: Settings,
    database: Database,
    s3: S3,
    capabilities: StoreCapabilities,
    afterwork: Afterwork,
    files: FileParts,
) -> UploadServices:
    """All services of the module; what reads a pending record is told to look at the store."""
    offers = OfferService(s3, capabilities)
    verifier = Verifier(files.store, files.policy)
    promotions = PromotionService(database, files.store, files.reservations, verifier, files.removal)
    completion = CompletionService(
        database, s3, promotions, verifier, files.services.lifecycle, capabilities, afterwork, settings
    )
    files.services.reader.when_pending(completion.look)
    creation = CreationService(
        database, files.store, files.reservations, offers, files.policy, capabilities, afterwork, settings, files.keys
    )
    secret = settings.auth.jwt_secret or settings.database.url
    control_tokens = ControlTokens(secret.get_secret_value().encode())
    return UploadServices(creation, completion, offers, control_tokens)
