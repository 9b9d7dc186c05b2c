"""A journal of 100,000 entries, as a service has it after a while: few actors do most, few results are bad."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from tests.support.databases import fresh_database

ROWS = 100_000
LARGE, SMALL = "large", "small-471"
SOME_FILE = "00000000-0000-7000-8000-000000000001"
ENTRIES = f"""
    INSERT INTO audit_entries (id, at, actor_kind, actor, action, file_id, owner_id, result)
    SELECT lpad(to_hex(i), 32, '0')::uuid,
           timestamptz '2024-01-01' + (i / 4) * interval '20 minutes',
           CASE WHEN i % 50 = 0 THEN 'system' ELSE 'user' END,
           CASE WHEN i % 50 = 0 THEN 'maintenance' WHEN i % 2 = 0 THEN '{LARGE}' ELSE 'small-' || i % 2500 END,
           CASE WHEN i % 5003 = 0 THEN 'file.reject' WHEN i % 7 = 0 THEN 'file.delete' ELSE 'file.upload' END,
           ('00000000-0000-7000-8000-' || lpad(to_hex(i / 3), 12, '0'))::uuid,
           CASE WHEN i % 2 = 0 THEN '{LARGE}' ELSE 'small-' || i % 2500 END,
           CASE WHEN i % 5003 = 0 THEN 'rejected' WHEN i % 3001 = 0 THEN 'denied' ELSE 'ok' END
      FROM generate_series(1, {ROWS}) AS i
"""


@contextmanager
def many_entries(server_url: str) -> Iterator[str]:
    """A database of its own that holds them; yields its address."""

    async def fill(url: str) -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(ENTRIES, timeout=300)
        await connection.execute("VACUUM ANALYZE audit_entries")
        await connection.close()

    with fresh_database(server_url) as url:
        asyncio.run(fill(url))
        yield url
