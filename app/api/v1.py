"""The routers under /api/v1."""

from __future__ import annotations

from fastapi import APIRouter

from app.modules.auth import router as keys_router
from app.modules.files import editing_router, listing_router
from app.modules.files import router as files_router
from app.modules.limits import router as usage_router
from app.modules.uploads import router as uploads_router
from app.modules.uploads import uppy_router

__all__ = ["ROUTERS", "STREAMED_ROUTES"]

# Fixed paths come before those with an id in them.
ROUTERS: tuple[APIRouter, ...] = (
    keys_router.router,
    usage_router.router,
    uploads_router.router,
    uppy_router.router,
    listing_router.router,
    editing_router.router,
    files_router.router,
)
STREAMED_ROUTES = files_router.STREAMED_ROUTES | editing_router.STREAMED_ROUTES
