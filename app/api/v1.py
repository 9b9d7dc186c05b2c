"""The routers under /api/v1."""

from __future__ import annotations

from fastapi import APIRouter

from app.modules.files import editing_router
from app.modules.files import router as files_router
from app.modules.uploads.router import router as uploads
from app.modules.uploads.uppy_router import router as uppy

__all__ = ["ROUTERS", "STREAMED_ROUTES"]

# Fixed paths come before those with an id in them.
ROUTERS: tuple[APIRouter, ...] = (uploads, uppy, editing_router.router, files_router.router)
STREAMED_ROUTES = files_router.STREAMED_ROUTES | editing_router.STREAMED_ROUTES
