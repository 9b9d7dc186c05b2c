"""The routers under /api/v1."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from app.core.problems import problem_responses
from app.modules.audit import router as audit_router
from app.modules.auth import router as keys_router
from app.modules.files import download_router, editing_router, listing_router
from app.modules.files import router as files_router
from app.modules.quotas import router as usage_router
from app.modules.sharing import router as sharing_router
from app.modules.uploads import router as uploads_router
from app.modules.uploads import uppy_router

__all__ = ["EVERYWHERE", "ROUTERS"]

# Fixed paths come before those with an id in them.
ROUTERS: tuple[APIRouter, ...] = (
    keys_router.router,
    audit_router.router,
    usage_router.router,
    uploads_router.router,
    uppy_router.router,
    listing_router.router,
    editing_router.router,
    download_router.router,
    sharing_router.router,
    files_router.router,
)


def _every_answer() -> dict[int | str, dict[str, Any]]:
    """What any route of the API may answer before it is reached."""
    header = {"schema": {"type": "integer"}, "description": "Seconds."}
    refused = problem_responses(429)[429]
    return {429: {**refused, "headers": {"Retry-After": header, "RateLimit-Reset": header}}}


EVERYWHERE = _every_answer()
