"""The routers under /api/v1."""

from __future__ import annotations

from fastapi import APIRouter

from app.modules.files.router import STREAMED_ROUTES
from app.modules.files.router import router as files

__all__ = ["ROUTERS", "STREAMED_ROUTES"]

ROUTERS: tuple[APIRouter, ...] = (files,)
