"""`migrate`: brings the schema to what this code expects."""

from __future__ import annotations

from alembic import command
from app.cli.environment import attached
from app.config import DatabaseSettings
from app.core.database import alembic_config


def migrate_to_newest(database_url: str) -> None:
    """Climb all migrations that are missing; several callers at once wait for each other."""
    config = alembic_config()
    config.attributes["database_url"] = database_url
    command.upgrade(config, "head")


def migrate() -> None:
    """Bring the database to the schema of this version. Safe to run from several places at once."""
    with attached():
        migrate_to_newest(DatabaseSettings.from_environment().url.get_secret_value())
