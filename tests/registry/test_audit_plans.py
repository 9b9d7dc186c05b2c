"""How PostgreSQL reads the journal among 100,000 entries: each filter by its index, in the order of the pages."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from app.config import asyncpg_url
from app.core.audit import Action, Result
from app.core.audit.retention import old_entries
from app.modules.audit.repository import AuditFilter, page_statement
from tests.support.many_entries import LARGE, SMALL, SOME_FILE, many_entries
from tests.support.plans import faults_of, plan_of

SOMEWHERE = (datetime(2024, 6, 1, tzinfo=UTC), UUID(int=50_000))
LIMITS = (2, 51, 1001)
# Each filter with what few and most entries meet, and the index that serves it. What most meet may as well be
# found by walking in the order of time.
FILTERS: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "at"),
    ({"actor": SMALL}, "actor"),
    ({"actor": LARGE}, "actor"),
    ({"actor": "nobody"}, "actor"),
    ({"action": Action.REJECT}, "action"),
    ({"action": Action.UPLOAD}, "action"),
    ({"action": Action.KEY_REVOKE}, "action"),
    ({"file_id": UUID(SOME_FILE)}, "file_id"),
    ({"owner_id": SMALL}, "owner_id"),
    ({"owner_id": LARGE}, "owner_id"),
    ({"result": Result.DENIED}, "result"),
    ({"result": Result.OK}, "result"),
    ({"created_after": datetime(2024, 12, 1, tzinfo=UTC)}, "at"),
    ({"created_before": datetime(2024, 1, 3, tzinfo=UTC)}, "at"),
)


@pytest.fixture(scope="module")
def filled(parts):
    with many_entries(parts["DATABASE_URL"]) as url:
        yield url


@pytest.fixture
async def session(filled):
    engine = create_async_engine(asyncpg_url(filled))
    async with AsyncSession(engine) as session:
        yield session
    await engine.dispose()


def indexes_of(plan: dict[str, Any]) -> set[str]:
    """All that a plan reads by."""
    mine = {plan["Index Name"]} if "Index Name" in plan else set()
    return mine.union(*(indexes_of(child) for child in plan.get("Plans", [])))


@pytest.mark.parametrize(("criteria", "index"), FILTERS)
async def test_each_filter_is_served_by_its_index_and_nothing_is_sorted(session, criteria, index):
    for after, limit in itertools.product((None, SOMEWHERE), LIMITS):
        plan = await plan_of(session, page_statement(AuditFilter(**criteria), after=after, limit=limit))
        assert faults_of(plan, limit=limit) == []
        served = {f"ix_audit_entries_{index}"}
        assert indexes_of(plan) == served or (is_common(criteria) and indexes_of(plan) == {"ix_audit_entries_at"})


def is_common(criteria: dict[str, Any]) -> bool:
    """Whether at least half of all entries meet it."""
    return not {LARGE, Action.UPLOAD, Result.OK}.isdisjoint(criteria.values())


async def test_no_two_or_three_filters_at_once_read_the_table(session):
    for chosen in (*itertools.combinations(FILTERS, 2), *itertools.combinations(FILTERS, 3)):
        criteria = {name: value for each, _ in chosen for name, value in each.items()}
        for after in (None, SOMEWHERE):
            plan = await plan_of(session, page_statement(AuditFilter(**criteria), after=after, limit=51))
            assert faults_of(plan, limit=51) == [], criteria


async def test_the_retention_reads_what_it_removes(session):
    plan = await plan_of(session, old_entries(days=365, limit=1000))
    assert faults_of(plan, limit=1000) == []
    assert indexes_of(plan) == {"ix_audit_entries_at"}


async def test_a_plan_without_its_index_would_be_found_wanting(session):
    """So that the tests above show anything."""
    await session.execute(text("DROP INDEX ix_audit_entries_file_id"))
    plan = await plan_of(session, page_statement(AuditFilter(file_id=UUID(SOME_FILE)), after=None, limit=51))
    assert indexes_of(plan) != {"ix_audit_entries_file_id"}
