"""The routers under /api/v1."""

from __future__ import annotations

from fastapi import APIRouter

from app.modules.files.router import router as files

ROUTERS: tuple[APIRouter, ...] = (files,)
