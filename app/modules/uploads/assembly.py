"""Builds the module's services on top of the files module's."""

from __future__ import annotations

from app.config import Settings
from app.core.capabilities.store import StoreCapabilities
from app.core.database import Database
from app.core.resources import Afterwork
from app.core.s3.adapter import S3
from app.core.signing_secret import SigningSecret
from app.modules.files.assembly import FileParts
from app.modules.files.services.promotion import PromotionService
from app.modules.files.services.verification import Verifier
from app.modules.uploads.dependencies import UploadServices
from app.modules.uploads.services.completion import CompletionService
from app.modules.uploads.services.creation import CreationService
from app.modules.uploads.services.offers import OfferService
from app.modules.uploads.services.shared import Shared
from app.modules.uploads.uppy_tokens import ControlTokens


def build_upload_services(
    settings: Settings,
    database: Database,
    s3: S3,
    capabilities: StoreCapabilities,
    secret: SigningSecret,
    afterwork: Afterwork,
    files: FileParts,
) -> UploadServices:
    """All services of the module; what reads a pending record is told to look at the store."""
    offers = OfferService(s3, capabilities)
    verifier = Verifier(files.store, files.policy)
    promotions = PromotionService(database, files.store, files.reservations, verifier)
    shared = Shared(settings, database, s3, capabilities, afterwork)
    completion = CompletionService(shared, promotions, verifier, files.services.lifecycle)
    files.services.reader.when_pending(completion.look)
    creation = CreationService(shared, offers, files.store, files.reservations, files.policy, files.keys, files.quotas)
    tokens = ControlTokens(secret)
    return UploadServices(creation, completion, offers, tokens, settings.server.public_url)
