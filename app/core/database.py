"""The registry's engine and its transactions: short, never held while bytes move, never left open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Executable, MetaData, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from app.config import DatabaseSettings
from app.core.connections import watch_connections
from app.core.database_errors import translated

ROOT = Path(__file__).resolve().parents[2]
# What a transaction notes about itself when it has written to the outbox.
WRITTEN_TO_OUTBOX = "written_to_outbox"
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of all models; constraint names are derived, so that migrations can name them."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map: ClassVar = {dict: JSON}


class Database:
    """One engine for the life of the process.

    Args:
        settings: address and pool. A pool that stays empty for `pool_timeout_seconds` makes
            the request fail with `database_unavailable` instead of waiting for ever.
    """

    def __init__(self, settings: DatabaseSettings) -> None:
        self.engine = create_async_engine(
            settings.url.get_secret_value(),
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_timeout=settings.pool_timeout_seconds,
            pool_recycle=1800,
            # Names, owners and keys: they would stand in every error's text, and so in the log.
            hide_parameters=True,
            connect_args={
                "timeout": settings.pool_timeout_seconds,
                "server_settings": {"application_name": "holdfast", "statement_timeout": "30000"},
            },
        )
        watch_connections(self.engine)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        # Set after a commit that wrote something to be done.
        self.outbox_written = asyncio.Event()
        self._alone = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session whose block commits at its end and rolls back on any error.

        Raises:
            DatabaseUnavailable: the server can't be reached or has no room, its schema is not
                migrated, or the connection broke. After a broken commit nobody knows whether it
                took place: callers that must know look at the row again.
        """
        with translated():
            async with self._sessions.begin() as session:
                yield session
            if session.info.get(WRITTEN_TO_OUTBOX):
                self.outbox_written.set()

    async def run_alone(self, statement: Executable, parameters: Mapping[str, Any]) -> None:
        """Run one statement that is a transaction by itself: one round trip instead of three, and no session.

        Raises:
            DatabaseUnavailable: as above.
        """
        with translated():
            async with self._alone.connect() as connection:
                await connection.execute(statement, parameters)

    async def revision(self) -> str | None:
        """The revision that the schema is at, or None on an empty database."""
        async with self.transaction() as session:
            if await session.scalar(text("SELECT to_regclass('alembic_version')")) is None:
                return None
            revision: str | None = await session.scalar(text("SELECT version_num FROM alembic_version"))
            return revision

    async def close(self) -> None:
        """Give all connections back."""
        await asyncio.shield(self.engine.dispose())


def alembic_config() -> Config:
    """Alembic's settings, found beside the package rather than in the current folder."""
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("script_location", str(ROOT / "alembic"))
    return config


def newest_revision() -> str | None:
    """The revision that this code expects the schema to be at."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()
