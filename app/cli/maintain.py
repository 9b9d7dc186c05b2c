"""`maintain`: one pass over what is left to finish, for a timer or by hand."""

from __future__ import annotations

import asyncio

import typer

from app.cli.environment import attached
from app.config import DatabaseSettings, StoreSettings
from app.core.database import Database
from app.core.s3 import S3
from app.modules.files.s3_service import FileStore
from app.modules.files.services.cleanup import CleanupService


def maintain() -> None:
    """Remove expired uploads and what dead processes left. Every serving process does the same by itself."""
    with attached():
        removed = asyncio.run(_one_pass(DatabaseSettings.from_environment(), StoreSettings.from_environment()))
    typer.echo(f"{removed} objects removed")


async def _one_pass(database_settings: DatabaseSettings, store_settings: StoreSettings) -> int:
    database, s3 = Database(database_settings), S3(store_settings)
    try:
        cleanup = CleanupService(database, FileStore(s3))
        await cleanup.spare_what_still_arrives()
        removed = 0
        while batch := await cleanup.run_once():
            removed += batch
        return removed
    finally:
        await s3.close(store_settings.read_timeout_seconds)
        await database.close()
