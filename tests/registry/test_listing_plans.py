"""How PostgreSQL reads a listing among 200,000 files: by an index, and never more than a page to sort.

Case 79. Plans are asked for, not run; the statements are the service's own, with real parameters.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from app.config import asyncpg_url
from app.modules.auth.principal import Principal, Scope
from app.modules.files.listing_repository import (
    ListingFilter,
    ListingRepository,
    ListingSort,
    folders_statement,
    page_statement,
)
from app.modules.files.models import FileStatus
from tests.support.many_files import (
    FEW_SHARES,
    LARGE,
    MANY_SHARES,
    MIDDLE,
    SMALL,
    SOME_SHARES,
    TEAM,
    many_files,
)
from tests.support.plans import faults_of, indexes_of, plan_of

ADMIN = Principal("root", frozenset({Scope.ADMIN}))
SCOPES = ((Principal(LARGE), None), (Principal(MIDDLE), None), (Principal(SMALL), None), (ADMIN, None), (ADMIN, LARGE))
STATUSES = (FileStatus.AVAILABLE, FileStatus.DELETED)
LIMITS = (2, 51, 1001)
# Each filter with what few, some and most files meet.
FILTERS: tuple[Mapping[str, Any], ...] = (
    {"folder": "documents/customer 77"},
    {"folder": ""},
    {"prefix": "archive"},
    {"prefix": "documents"},
    {"text": "rhinoceros"},
    {"text": "SCAN"},
    {"text": "ü"},
    {"content_type": "video/mp4"},
    {"content_type": "video/*"},
    {"content_type": "image/*"},
    {"is_public": True},
    {"is_public": False},
    {"created_after": datetime(2025, 11, 20, tzinfo=UTC)},
    {"created_before": datetime(2024, 1, 3, tzinfo=UTC)},
    {"created_after": datetime(2024, 6, 1, tzinfo=UTC), "created_before": datetime(2025, 6, 1, tzinfo=UTC)},
    {"min_size": 999_000},
    {"max_size": 0},
    {"min_size": 100_000, "max_size": 600_000},
    {"metadata": {"customer": 4711}},
    {"metadata": {"tags": ["q2"]}},
)
MIDDLE_KEYS = {"created_at": datetime(2024, 12, 1, tzinfo=UTC), "filename": "photo 3", "file_size": 400_000}
SOMEWHERE = UUID(int=100_000)


def single_filters() -> Iterator[tuple]:
    """Every scope, status, order and filter; first pages and deep ones, small and large, in turn.

    One owner's files are one scope, whether the owner asks or an admin.
    """
    dice = random.Random(1)
    for scope in SCOPES[:-1]:
        for status in STATUSES:
            for sort in ListingSort:
                for criteria in ({}, *FILTERS):
                    yield scope, status, sort, criteria, dice.random() < 0.5, dice.choice(LIMITS)


def joined_filters(count: int) -> Iterator[tuple]:
    """Two to six filters at once, which are too many to try them all."""
    dice = random.Random(2)
    for _ in range(count):
        criteria = {name: value for each in dice.sample(FILTERS, dice.randint(2, 6)) for name, value in each.items()}
        status, sort = dice.choice(list(FileStatus)), dice.choice(list(ListingSort))
        yield dice.choice(SCOPES), status, sort, criteria, dice.random() < 0.5, dice.choice(LIMITS)


def statement_of(scope, status, sort, criteria, is_deep, limit):
    principal, owner_id = scope
    after = (MIDDLE_KEYS[sort.value.removeprefix("-")], SOMEWHERE) if is_deep else None
    wanted = ListingFilter(status=status, owner_id=owner_id, **criteria)
    return page_statement(principal, wanted, sort, after=after, limit=limit)


@pytest.fixture(scope="module")
def filled(parts):
    with many_files(parts["DATABASE_URL"].replace("+asyncpg", "")) as url:
        yield url


@asynccontextmanager
async def session_on(url: str):
    engine = create_async_engine(asyncpg_url(url))
    async with AsyncSession(engine) as session:
        yield session
    await engine.dispose()


async def faulty(session, pages) -> dict:
    """Those pages whose plans have a fault."""
    found = {}
    for page in pages:
        faults = faults_of(await plan_of(session, statement_of(*page)), limit=page[-1])
        if faults:
            found[str(page)] = faults
    return found


async def test_no_page_of_any_listing_reads_the_table_or_sorts_more_than_itself(filled):
    async with session_on(filled) as session:
        assert await faulty(session, single_filters()) == {}
        assert await faulty(session, joined_filters(400)) == {}


READERS = (
    Principal("nobody's friend"),
    Principal(FEW_SHARES),
    Principal("a new member", groups=frozenset({TEAM})),
    Principal(SOME_SHARES, groups=frozenset({TEAM, *(f"group-{number}" for number in range(255))})),
    Principal(MANY_SHARES),
    Principal(SOME_SHARES, frozenset({Scope.ADMIN})),
)


def shared_pages() -> Iterator[tuple]:
    """What was granted to each reader, in every order and by every filter."""
    dice = random.Random(3)
    for reader in READERS:
        for sort in ListingSort:
            for criteria in ({}, *FILTERS):
                wanted = {**criteria, "is_shared": True}
                yield (reader, None), FileStatus.AVAILABLE, sort, wanted, dice.random() < 0.5, dice.choice(LIMITS)


async def test_no_page_of_what_others_granted_does(filled):
    async with session_on(filled) as session:
        assert await faulty(session, shared_pages()) == {}


async def test_what_others_granted_is_found_by_its_ids_not_among_everybodys_files(filled):
    """In the order of the page, the caller's may come behind all others: that took seconds for a thousand grants."""
    async with session_on(filled) as session:
        for reader in READERS:
            for sort in ListingSort:
                page = ((reader, None), FileStatus.AVAILABLE, sort, {"is_shared": True}, False, 51)
                assert indexes_of(await plan_of(session, statement_of(*page)), "file_uploads") == {"pk_file_uploads"}


async def test_no_page_of_folders_does(filled):
    async with session_on(filled) as session:
        for principal, owner_id in SCOPES:
            for parent, after in (("", None), ("archive", None), ("documents", "documents/customer 5")):
                statement = folders_statement(principal, owner_id, parent, after=after, limit=51)
                assert faults_of(await plan_of(session, statement), limit=51) == []


async def test_a_search_without_trigrams_walks_in_the_order_of_the_listing(filled):
    """Where `pg_trgm` can't be had, what the planner would rather read is the table."""
    searches = [page for page in single_filters() if "text" in page[3]]
    async with session_on(filled) as session:
        await session.execute(text("DROP INDEX ix_file_uploads_search"))
        await ListingRepository(session).plan_for_pages()
        assert await faulty(session, searches) == {}


async def test_a_plan_without_its_index_would_be_found_wanting(filled):
    """So that the tests above show anything."""
    async with session_on(filled) as session:
        for name in ("listing_name", "all_name"):
            await session.execute(text(f"DROP INDEX ix_file_uploads_{name}"))
        page = ((ADMIN, None), FileStatus.AVAILABLE, ListingSort.NAME, {}, False, 51)
        plan = await plan_of(session, statement_of(*page))
        assert "reads all of file_uploads" in faults_of(plan, limit=51)
        plan = await plan_of(session, statement_of(*page[:-1], 1_000_000))
        assert faults_of(plan | {"Node Type": "Sort", "Plan Rows": 2_000_000}, limit=51)[0].startswith("sorts about")


async def test_the_planner_is_told_for_one_transaction_only(filled):
    async with session_on(filled) as session:
        told = "SELECT current_setting('enable_seqscan') || ' ' || current_setting('plan_cache_mode')"
        repository = ListingRepository(session)
        await repository.page(ADMIN, ListingFilter(), ListingSort.NEWEST, after=None, limit=2)
        assert await session.scalar(text(told)) == "off force_custom_plan"
        await session.rollback()
        await repository.folders(ADMIN, None, "", after=None, limit=2)
        assert await session.scalar(text(told)) == "off force_custom_plan"
        await session.rollback()
        assert await session.scalar(text(told)) == "on auto"
