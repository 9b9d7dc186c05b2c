"""Brings the service of quotas into routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from app.modules.quotas.service import QuotaService


async def quota_service(request: Request) -> QuotaService:
    """The service of this process."""
    service: QuotaService = request.app.state.quota_service
    return service


QuotaServices = Annotated[QuotaService, Depends(quota_service)]
