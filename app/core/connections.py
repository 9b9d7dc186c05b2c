"""Notices pooled connections whose server is gone, without asking it before every transaction.

SQLAlchemy's `pool_pre_ping` takes three round trips with asyncpg. The end of a connection is mostly known
already, as the server said so; only one that lay idle may have died in silence.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.pool import ConnectionPoolEntry

TRUSTED_SECONDS = 1.0
_USED_AT = "holdfast_used_at"


def watch_connections(engine: AsyncEngine) -> None:
    """Let the pool of an asyncpg engine replace dead connections before anybody gets one."""
    dialect = engine.sync_engine.dialect

    def note_use(_connection: Any, entry: ConnectionPoolEntry) -> None:  # noqa: ANN401 -- SQLAlchemy's adapter
        entry.info[_USED_AT] = time.monotonic()

    def replace_if_dead(connection: Any, entry: ConnectionPoolEntry, _proxy: object) -> None:  # noqa: ANN401
        used_at = entry.info.get(_USED_AT)
        if used_at is None:
            return  # opened this moment
        is_trusted = time.monotonic() - used_at < TRUSTED_SECONDS
        is_closed = connection.driver_connection.is_closed()
        if is_closed or not (is_trusted or dialect._do_ping_w_event(connection)):  # noqa: SLF001 -- as the pool does
            raise InvalidatePoolError

    event.listen(engine.sync_engine, "checkin", note_use)
    event.listen(engine.sync_engine, "checkout", replace_if_dead)
