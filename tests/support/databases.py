"""Databases of a test's own on the server that the session runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import asyncpg

from app.cli.database import migrate_to_newest


@contextmanager
def fresh_database(server_url: str, *, is_migrated: bool = True) -> Iterator[str]:
    """A new database beside the one that `server_url` names, removed after the block."""
    server = server_url.replace("+asyncpg", "")
    name = f"test_{uuid4().hex[:12]}"

    async def run(statement: str) -> None:
        connection = await asyncpg.connect(server)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(run(f'CREATE DATABASE "{name}"'))
    url = f"{server.rpartition('/')[0]}/{name}"
    try:
        if is_migrated:
            migrate_to_newest(url)
        yield url
    finally:
        asyncio.run(run(f'DROP DATABASE "{name}" WITH (FORCE)'))
