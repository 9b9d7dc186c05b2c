"""Runs migrations over asyncpg, one process at a time: the others wait for a lock and then find nothing to do."""

from __future__ import annotations

import asyncio
import zlib

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from alembic import context
from app.config import DatabaseSettings, asyncpg_url
from app.core import signing_secret
from app.core.audit import entries as audit_entries
from app.core.capabilities import registry as capability_registry
from app.core.database import Base
from app.core.outbox import entries as outbox_entries
from app.modules.auth import models as auth_models
from app.modules.files import models as files_models
from app.modules.maintenance import models as maintenance_models
from app.modules.quotas import models as quota_models
from app.modules.uploads import models as uploads_models

LOCK_WAIT_SECONDS = 120
# Made only where the extension that it needs can be had, so the models can't name it.
OPTIONAL_INDEX = "ix_file_uploads_search"
TABLES_OF = (
    audit_entries,
    capability_registry,
    outbox_entries,
    signing_secret,
    auth_models,
    files_models,
    quota_models,
    maintenance_models,
    uploads_models,
)  # imported for their tables


def lock_key(database: str) -> int:
    """One lock a database: a constant would collide with other applications of the same cluster."""
    return zlib.crc32(f"holdfast-migrations:{database}".encode())


def migrate(connection: Connection) -> None:
    """Run the migrations on an open connection, under a lock of the session.

    A lock of the transaction would be dropped by the first migration that has to commit in between.
    """
    key = lock_key(connection.engine.url.database or "")
    connection.execute(text(f"SET lock_timeout = '{LOCK_WAIT_SECONDS}s'"))
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key})
    connection.commit()
    try:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            include_name=lambda name, _kind, _parents: name != OPTIONAL_INDEX,
            compare_type=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})
        connection.commit()


async def migrate_online(url: str) -> None:
    """Connect once, without a pool, and migrate."""
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


def database_url() -> str:
    """The address that the caller put into the config, else the one of the settings.

    Never through the ini file's parser, which would stumble over a percent sign in a password.
    """
    given = context.config.attributes.get("database_url")
    return asyncpg_url(str(given)) if given else DatabaseSettings().url.get_secret_value()


if context.is_offline_mode():
    context.configure(url=database_url(), target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    asyncio.run(migrate_online(database_url()))
