"""The routers under /api/v1."""

from __future__ import annotations

from fastapi import APIRouter

from app.modules.files.listing_router import router as listings
from app.modules.files.router import STREAMED_ROUTES
from app.modules.files.router import router as files
from app.modules.uploads.router import router as uploads
from app.modules.uploads.uppy_router import router as uppy

__all__ = ["ROUTERS", "STREAMED_ROUTES"]

# Fixed paths come before those with an id in them.
ROUTERS: tuple[APIRouter, ...] = (uploads, uppy, listings, files)
