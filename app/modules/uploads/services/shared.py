"""What the services of this module work with."""

from __future__ import annotations

from dataclasses import dataclass

from app.config import Settings
from app.core.capabilities.store import StoreCapabilities
from app.core.database import Database
from app.core.resources import Afterwork
from app.core.s3.adapter import S3


@dataclass(frozen=True)
class Shared:
    """The process's resources, as they came up in its lifespan."""

    settings: Settings
    database: Database
    s3: S3
    capabilities: StoreCapabilities
    afterwork: Afterwork
