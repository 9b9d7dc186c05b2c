"""A registry of 200,000 files, as a service has it after some years: one large owner, many small ones, ties."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import asyncpg

from alembic import command
from app.core.database import alembic_config

BEFORE_LISTINGS = "20261121f"
ROWS = 200_000
LARGE, MIDDLE, SMALL = "large", "middle-3", "small-4711"
# Whom how many files were granted to: by name ten, a thousand and five thousand, by the group some hundreds.
FEW_SHARES, SOME_SHARES, MANY_SHARES, TEAM = "reader of few", "reader of some", "reader of many", "team"

# Half of all files are one owner's, a quarter that of ten, the rest that of 5,000. Four files share each
# moment. Rare things (a type, a customer, a word, a status) are found about ten to a hundred times.
OBJECTS = f"""
    INSERT INTO stored_objects (id, key, file_id, role, state, size_bytes, sha256)
    SELECT lpad(to_hex(i), 32, '0')::uuid, 'documents/' || i, lpad(to_hex(i), 32, '0')::uuid, 'content', 'stored',
           i, md5(i::text)
      FROM generate_series(1, {ROWS}) AS i
"""
# Eight columns of numbers that have nothing to do with each other, the same in every run.
DICE = ", ".join(f"abs(hashint8({place}00000000 + i)::bigint) AS {letter}" for place, letter in enumerate("abcdefgh"))
FILES = f"""
    INSERT INTO file_uploads (id, owner_id, filename, folder, content_type, file_size, description, is_public,
                              metadata, status, current_object_id, created_at, expires_at)
    SELECT lpad(to_hex(i), 32, '0')::uuid,
           CASE WHEN i % 2 = 0 THEN 'large'
                WHEN i % 4 = 1 THEN 'middle-' || (i / 4) % 10
                ELSE 'small-' || (i / 4) % 5000 END,
           (ARRAY['Invoice', 'report', 'Übersicht', 'scan', 'photo'])[1 + a % 5] || ' ' || b % 50000 || '.pdf',
           CASE c % 10 WHEN 0 THEN '' WHEN 1 THEN 'archive' WHEN 2 THEN 'archive/' || 2000 + d % 25
                ELSE 'documents/customer ' || d % 1000 END,
           CASE WHEN e % 4001 = 0 THEN 'video/mp4'
                ELSE (ARRAY['application/pdf', 'image/png', 'image/jpeg', 'text/csv'])[1 + e % 4] END,
           CASE WHEN i % 97 = 0 THEN NULL ELSE (f % 1000) * 1000 END,
           CASE WHEN g % 3001 = 0 THEN 'a rhinoceros' WHEN g % 3 = 0 THEN 'from the scanner' END,
           h % 50 = 0,
           jsonb_build_object('customer', d % 20000, 'tags', jsonb_build_array((ARRAY['q1', 'q2', 'q3'])[1 + f % 3])),
           CASE WHEN i % 97 = 0 THEN 'pending' WHEN i % 31 = 0 THEN 'deleted' WHEN i % 4999 = 0 THEN 'rejected'
                ELSE 'available' END,
           CASE WHEN i % 97 <> 0 THEN lpad(to_hex(i), 32, '0')::uuid END,
           timestamptz '2024-01-01' + (i / 4) * interval '20 minutes',
           CASE WHEN g % 40 = 0 THEN now() + (h % 100 - 20) * interval '1 day' END
      FROM generate_series(1, {ROWS}) AS i, LATERAL (SELECT {DICE}) AS dice
"""
# Among a hundred thousand grants to others. All of the large owner's files, which have even numbers.
GRANTS = f"""
    INSERT INTO file_grants (file_id, grantee_kind, grantee, access, granted_by)
    SELECT lpad(to_hex(i), 32, '0')::uuid, kind, grantee, 'read', 'large'
      FROM (SELECT i * 2, 'user', 'reader-' || i % 20000 FROM generate_series(1, 100000) AS i
            UNION ALL SELECT i * 20000, 'user', '{FEW_SHARES}' FROM generate_series(1, 10) AS i
            UNION ALL SELECT i * 200, 'user', '{SOME_SHARES}' FROM generate_series(1, 1000) AS i
            UNION ALL SELECT i * 40, 'user', '{MANY_SHARES}' FROM generate_series(1, 5000) AS i
            UNION ALL SELECT i * 602, 'group', '{TEAM}' FROM generate_series(1, 330) AS i) AS grants (i, kind, grantee)
"""


async def _run(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement, timeout=300)
    finally:
        await connection.close()


@contextmanager
def many_files(server: str) -> Iterator[str]:
    """A database of its own that holds them; yields its address.

    They are written before listings had their columns and indexes, so that a migration of a filled
    table is what makes those.
    """
    name = f"many_files_{uuid4().hex[:12]}"
    url = f"{server.rpartition('/')[0]}/{name}"
    config = alembic_config()
    config.attributes["database_url"] = url
    asyncio.run(_run(server, f'CREATE DATABASE "{name}"'))
    try:
        command.upgrade(config, BEFORE_LISTINGS)
        asyncio.run(_run(url, OBJECTS, FILES))
        command.upgrade(config, "head")
        tables = ("file_uploads", "stored_objects", "file_grants")
        asyncio.run(_run(url, GRANTS, *(f"VACUUM ANALYZE {table}" for table in tables)))
        yield url
    finally:
        asyncio.run(_run(server, f'DROP DATABASE "{name}" WITH (FORCE)'))
