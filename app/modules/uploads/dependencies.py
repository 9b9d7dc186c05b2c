"""Brings the upload services into the routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.modules.uploads.services.completion import CompletionService
from app.modules.uploads.services.creation import CreationService
from app.modules.uploads.services.offers import OfferService
from app.modules.uploads.uppy_tokens import ControlTokens


@dataclass(frozen=True)
class UploadServices:
    """The module's services, built once.

    Args:
        public_url: where clients reach the service; None where each request says it.
    """

    creation: CreationService
    completion: CompletionService
    offers: OfferService
    control_tokens: ControlTokens
    public_url: str | None


async def upload_services(request: Request) -> UploadServices:
    """The services of this process."""
    services: UploadServices = request.app.state.upload_services
    return services


Uploads = Annotated[UploadServices, Depends(upload_services)]
