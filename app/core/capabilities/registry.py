"""Where the registry keeps what stores were seen to keep, and the lock under which one worker finds it out."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import DateTime, Text, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.pool import NullPool

from app.config import StoreSettings
from app.core.capabilities.probes import PROBE_VERSION, TRIALS
from app.core.clock import utc_now
from app.core.database import Base, Database
from app.core.database_errors import DatabaseUnavailable

MAX_AGE = timedelta(days=7)
LOCK_WAIT_SECONDS = 150
CONNECT_TIMEOUT_SECONDS = 10


class StoreCapabilitiesRow(Base):
    """What one store was seen to keep, and when. Derived: deleting a row only means that it is tried again."""

    __tablename__ = "store_capabilities"

    store: Mapped[str] = mapped_column(Text, primary_key=True)
    endpoint: Mapped[str] = mapped_column(Text)
    bucket: Mapped[str] = mapped_column(Text)
    capabilities: Mapped[dict[str, bool]] = mapped_column(JSONB)
    probed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


@dataclass(frozen=True)
class Verdicts:
    """One flag a trial, and when they were tried."""

    values: dict[str, bool]
    probed_at: datetime

    @property
    def is_fresh(self) -> bool:
        """Young enough to rely on."""
        return utc_now() - self.probed_at < MAX_AGE


async def read_verdicts(database: Database, settings: StoreSettings) -> Verdicts | None:
    """What this store was seen to keep, however old; None where nobody tried.

    Raises:
        DatabaseUnavailable: also while the schema lacks the table.
    """
    async with database.transaction() as session:
        # A service may be started before its database is migrated; its readiness says so, and this is tried again.
        if await session.scalar(text("SELECT to_regclass('store_capabilities')")) is None:
            raise DatabaseUnavailable
        row = await session.get(StoreCapabilitiesRow, store_id(settings))
        return None if row is None else Verdicts(row.capabilities, row.probed_at)


async def write_verdicts(database: Database, settings: StoreSettings, found: Verdicts) -> None:
    """Keep them for the other workers and for the next start."""
    changing = {"capabilities": found.values, "probed_at": found.probed_at}
    row = insert(StoreCapabilitiesRow).values(
        store=store_id(settings), endpoint=_endpoint(settings), bucket=settings.bucket_name, **changing
    )
    async with database.transaction() as session:
        await session.execute(row.on_conflict_do_update(index_elements=["store"], set_=changing))


def _endpoint(settings: StoreSettings) -> str:
    """The store's host, without a password that may stand before it."""
    return urlsplit(settings.endpoint_url).netloc.rpartition("@")[2] if settings.endpoint_url else settings.region


def store_id(settings: StoreSettings) -> str:
    """A name for what was tried: one bucket and folder of one store, by this version of the trials."""
    parts = (
        str(PROBE_VERSION),
        *(trial.__name__ for trial in TRIALS),
        settings.endpoint_url or settings.region,
        settings.bucket_name,
    )
    return hashlib.sha256("\n".join((*parts, settings.key_prefix)).encode()).hexdigest()


@asynccontextmanager
async def alone(database: Database, settings: StoreSettings) -> AsyncIterator[None]:
    """Hold the lock of this store, whose other seekers wait.

    On a connection of its own, which takes none from the pool for so long and whose end is the lock's end.

    Raises:
        DatabaseUnavailable: the connection failed, or somebody held the lock for too long.
    """
    key = int.from_bytes(bytes.fromhex(store_id(settings))[:8], "big", signed=True)
    engine = create_async_engine(
        database.engine.url,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        connect_args={
            "timeout": CONNECT_TIMEOUT_SECONDS,
            "server_settings": {"application_name": "holdfast", "lock_timeout": f"{LOCK_WAIT_SECONDS}s"},
        },
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        try:
            connection = await stack.enter_async_context(engine.connect())
            await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key})
        except (DBAPIError, ConnectionError, TimeoutError) as error:
            raise DatabaseUnavailable from error
        yield
