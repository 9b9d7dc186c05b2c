"""Brings the journal into its route."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from app.modules.audit.service import AuditService


async def audit_service(request: Request) -> AuditService:
    """The service of this process."""
    service: AuditService = request.app.state.audit_service
    return service


Journal = Annotated[AuditService, Depends(audit_service)]
