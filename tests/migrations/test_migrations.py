"""Migrations: up, down and up again, by several at once, under any password, and what the models say."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import zlib
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from alembic import command
from app.cli.database import migrate_to_newest
from app.core.database import alembic_config
from tests.support.databases import fresh_database

ROOT = Path(__file__).parents[2]
TABLES = {"file_uploads", "stored_objects"}
SCHEMA = """
    SELECT 'column', table_name || '.' || column_name,
           data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '')
      FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
      WHERE connamespace = 'public'::regnamespace
    ORDER BY 1, 2
"""


def run_sql(url: str, *statements: str) -> list[tuple]:
    """Run statements one by one; returns the rows of the last."""

    async def run():
        connection = await asyncpg.connect(url)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetch(statements[-1])
        finally:
            await connection.close()

    return [tuple(row) for row in asyncio.run(run())]


@pytest.fixture(scope="module")
def server(parts):
    """The PostgreSQL server's own address."""
    return parts["DATABASE_URL"].replace("+asyncpg", "")


@pytest.fixture
def empty(server):
    """The address of an empty database."""
    with fresh_database(server, is_migrated=False) as url:
        yield url


def config_for(url: str):
    config = alembic_config()
    config.attributes["database_url"] = url
    return config


def tables(url: str) -> set[str]:
    rows = run_sql(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {name for (name,) in rows} - {"alembic_version"}


def revisions() -> list[str]:
    """From the first to the newest."""
    return [script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()][::-1]


def test_there_is_one_line_of_revisions():
    assert len(ScriptDirectory.from_config(alembic_config()).get_heads()) == 1


def test_each_revision_climbs_down_and_up_again(empty):
    config = config_for(empty)
    for revision in revisions():
        command.upgrade(config, revision)
        once = run_sql(empty, SCHEMA)
        command.downgrade(config, "-1")
        command.upgrade(config, revision)
        assert run_sql(empty, SCHEMA) == once


def test_all_the_way_down_leaves_nothing(empty):
    config = config_for(empty)
    command.upgrade(config, "head")
    assert tables(empty) >= TABLES
    command.downgrade(config, "base")
    assert tables(empty) == set()
    command.upgrade(config, "head")
    assert tables(empty) >= TABLES


def test_the_models_say_what_the_migrations_made(empty):
    """What `alembic check` says: nothing is left to generate."""
    migrate_to_newest(empty)
    command.check(config_for(empty))


def test_migrating_again_changes_nothing(empty):
    migrate_to_newest(empty)
    before = run_sql(empty, SCHEMA)
    migrate_to_newest(empty)
    assert run_sql(empty, SCHEMA) == before


def upgrading(url: str) -> subprocess.Popen:
    """A process of its own that migrates."""
    environment = os.environ | {"DATABASE_URL": url}
    return subprocess.Popen(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def test_four_processes_at_once_all_succeed_on_an_empty_database(empty):
    """Case 83: without a lock, all but one lose."""
    processes = [upgrading(empty) for _ in range(4)]
    said = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, said
    assert tables(empty) >= TABLES
    assert run_sql(empty, "SELECT version_num FROM alembic_version") == [(revisions()[-1],)]


def test_the_others_wait_for_the_one_that_migrates(empty):
    """Case 83: the lock is the session's, of this database alone."""
    name = urlsplit(empty).path[1:]
    process = None

    async def hold_the_lock_meanwhile():
        nonlocal process
        connection = await asyncpg.connect(empty)
        await connection.fetch("SELECT pg_advisory_lock($1)", lock_key(name))
        process = upgrading(empty)
        waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        async with asyncio.timeout(30):
            while not await connection.fetchval(waits):  # noqa: ASYNC110 -- PostgreSQL tells nobody who waits
                await asyncio.sleep(0.05)
        found = await connection.fetchval("SELECT to_regclass('file_uploads')")
        await connection.close()
        return found

    assert asyncio.run(hold_the_lock_meanwhile()) is None
    assert process.communicate(timeout=60)[0] is not None
    assert process.returncode == 0
    assert tables(empty) >= TABLES


def lock_key(database: str) -> int:
    """The one that alembic/env.py takes."""
    return zlib.crc32(f"holdfast-migrations:{database}".encode())


@pytest.fixture
def awkward_role(server, empty):
    """The address of the same database for a role whose password is all that URLs stumble over."""
    name, password = f"role_{uuid4().hex[:8]}", "p%25a@b:c/d?e#f%s"
    database = urlsplit(empty).path[1:]
    run_sql(
        server,
        f"CREATE ROLE {name} LOGIN PASSWORD '{password}'",
        f'ALTER DATABASE "{database}" OWNER TO {name}',
        "SELECT 1",
    )
    parts = urlsplit(server)
    netloc = f"{name}:{quote(password, safe='')}@{parts.hostname}:{parts.port}"
    yield urlunsplit(parts._replace(netloc=netloc, path=f"/{database}"))
    run_sql(server, f'ALTER DATABASE "{database}" OWNER TO CURRENT_USER', "SELECT 1")
    run_sql(empty, f"REASSIGN OWNED BY {name} TO CURRENT_USER", f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@pytest.mark.parametrize("way", ["in this process", "in another"])
def test_a_password_of_awkward_characters_works(awkward_role, way):
    """Case 83: the ini file's parser would stumble over a percent sign."""
    if way == "in another":
        process = upgrading(awkward_role)
        assert process.communicate(timeout=60)[0] is not None
        assert process.returncode == 0
    else:
        migrate_to_newest(awkward_role)
    assert tables(awkward_role) >= TABLES


SEARCH_INDEX = "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_file_uploads_search'"


def has_trigrams(url: str) -> bool:
    return bool(run_sql(url, "SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'"))


def test_searches_get_an_index_where_trigrams_can_be_had(empty):
    migrate_to_newest(empty)
    assert len(run_sql(empty, SEARCH_INDEX)) == has_trigrams(empty)


def test_an_extension_in_a_schema_of_its_own_is_found(empty):
    if not has_trigrams(empty):
        pytest.skip("this server has no pg_trgm")
    run_sql(empty, "CREATE SCHEMA extensions", "CREATE EXTENSION pg_trgm SCHEMA extensions", "SELECT 1")
    migrate_to_newest(empty)
    [(definition,)] = run_sql(empty, SEARCH_INDEX)
    assert "extensions.gin_trgm_ops" in definition


def test_a_role_that_may_make_no_extension_migrates_without(server, empty, awkward_role):
    """As roles of production often are: they may make tables in their schema, and no more."""
    role, database = urlsplit(awkward_role).username, urlsplit(empty).path[1:]
    run_sql(server, f'ALTER DATABASE "{database}" OWNER TO CURRENT_USER', "SELECT 1")
    run_sql(empty, f"GRANT CREATE ON SCHEMA public TO {role}", "SELECT 1")
    migrate_to_newest(awkward_role)
    assert tables(awkward_role) >= TABLES
    assert run_sql(empty, SEARCH_INDEX) == []
    command.check(config_for(awkward_role))
    command.downgrade(config_for(awkward_role), "base")


def test_a_wrong_password_does_not(awkward_role):
    """So that the test above shows anything."""
    wrong = awkward_role.replace("p%2525a", "p%25a")
    assert wrong != awkward_role
    with pytest.raises(asyncpg.InvalidPasswordError):
        run_sql(wrong, "SELECT 1")


BEFORE_QUOTAS = "20261121j"
FILES_BEFORE_QUOTAS = """
    INSERT INTO file_uploads (id, owner_id, filename, content_type, status, file_size)
    SELECT gen_random_uuid(), owner, 'a.txt', 'text/plain', status, size
      FROM (VALUES ('alice', 'available', 1000), ('alice', 'deleted', 100), ('alice', 'rejected', 10),
                   ('bob', 'available', 1), ('carol', 'pending', 5), ('carol', 'pending', NULL))
        AS f (owner, status, size)
"""
OBJECTS_BEFORE_QUOTAS = """
    INSERT INTO stored_objects (id, key, file_id, role, state)
    SELECT gen_random_uuid(), gen_random_uuid()::text, id, role, 'reserved'
      FROM file_uploads, unnest(ARRAY['staging', 'content']) AS role
     WHERE status = 'pending' OR (owner_id = 'bob' AND role = 'content')
"""
USAGE = "SELECT owner_id, {} FROM {} GROUP BY owner_id HAVING sum(bytes + files + reserved_files) > 0 ORDER BY owner_id"
COUNTERS = ("bytes", "files", "reserved_bytes", "reserved_files")


def test_quotas_begin_with_what_owners_have_already(empty):
    config = config_for(empty)
    command.upgrade(config, BEFORE_QUOTAS)
    run_sql(empty, FILES_BEFORE_QUOTAS, OBJECTS_BEFORE_QUOTAS, "SELECT 1")
    command.upgrade(config, "head")
    both = "(SELECT * FROM usage_changes UNION ALL SELECT owner_id, 0, {} FROM owner_usage) AS u".format(
        ", ".join(COUNTERS)
    )
    found = run_sql(empty, USAGE.format(", ".join(f"sum({name})::int" for name in COUNTERS), both))
    assert found == [("alice", 1100, 2, 0, 0), ("bob", 1, 1, 0, 0), ("carol", 0, 0, 5, 2)]
