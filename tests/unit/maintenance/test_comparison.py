"""What bucket and ledger say of each other, case by case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from app.core.s3.listing import ListedObject, ListedUpload
from app.modules.maintenance.ledger_repository import LedgerRow
from app.modules.maintenance.services.comparison import Kind, Rules, absent, compare, compare_uploads

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OLD, YOUNG = NOW - timedelta(hours=2), NOW - timedelta(minutes=1)
RULES = Rules("p/", NOW, timedelta(hours=1), timedelta(days=7))


def entry(key: str = "p/a", **changes) -> ListedObject:
    return ListedObject(**{"key": key, "size_bytes": 3, "etag": '"e"', "last_modified": OLD} | changes)


def row(state: str, **changes) -> LedgerRow:
    known = {
        "id": uuid4(), "key": "p/a", "file_id": uuid4(), "role": "content", "size_bytes": 3, "etag": '"e"',
        "version_id": None, "upload_id": None, "lease_expires_at": None, "sha256": None, "last_look_at": OLD,
    }  # fmt: skip
    return LedgerRow(**known | {"state": state} | changes)


def kinds(one: ListedObject, known: LedgerRow | None) -> list[Kind]:
    return [each.kind for each in compare([one], {known.key: known} if known else {}, RULES)]


@pytest.mark.parametrize(
    ("one", "known", "expected"),
    [
        (entry(), None, [Kind.UNKNOWN]),
        (entry(last_modified=YOUNG), None, []),
        (entry(is_latest=False, version_id="v"), None, [Kind.UNKNOWN]),
        (entry(is_marker=True, version_id="v"), None, [Kind.LEFTOVER]),
        (entry("p/.holdfast/probe-1"), None, [Kind.LEFTOVER]),
        (entry("p/.holdfast/quarantine/1/a"), None, []),
        (entry("p/.holdfast/quarantine/1/a", last_modified=NOW - timedelta(days=8)), None, [Kind.LEFTOVER]),
        (entry("p/x/.holdfast/a"), None, [Kind.UNKNOWN]),
        (entry(), row("removed"), [Kind.LEFTOVER]),
        (entry(last_modified=YOUNG), row("removed"), []),
        (entry(), row("stored"), []),
        (entry(etag="e"), row("stored"), []),
        (entry(etag='"other"'), row("stored"), [Kind.CHANGED]),
        (entry(size_bytes=4), row("stored"), [Kind.CHANGED]),
        (entry(size_bytes=4), row("stored", role="foreign"), []),
        (entry(), row("reserved"), []),
        (entry(), row("removing"), []),
        (entry(), row("lost"), [Kind.FOUND]),
        (entry(is_marker=True, version_id="m"), row("lost", version_id="v"), []),
        (entry(is_latest=False, version_id="v"), row("lost", version_id="v"), []),
        (entry(is_latest=False, version_id="v"), row("stored", version_id="v"), []),
        (entry(is_latest=False, version_id="null"), row("stored"), []),
        (entry(is_latest=False, version_id="w"), row("stored", version_id="v"), [Kind.LEFTOVER]),
        (entry(is_marker=True, version_id="m"), row("stored", version_id="v"), []),
    ],
)
def test_each_entry_is_judged_by_its_row_and_its_age(one, known, expected):
    assert kinds(one, known) == expected


def test_trials_that_may_be_running_are_left_alone_whatever_the_grace():
    no_grace = Rules("p/", NOW, timedelta(0), timedelta(0))
    running = entry("p/.holdfast/trial-1/0", last_modified=NOW - timedelta(seconds=60))
    ended = entry("p/.holdfast/trial-1/0", last_modified=NOW - timedelta(seconds=200))
    assert [each.kind for each in compare([running, ended], {}, no_grace)] == [Kind.LEFTOVER]


def test_only_stored_rows_are_missed():
    rows = [row(state) for state in ("reserved", "stored", "removing", "lost")] + [row("stored", role="foreign")]
    assert [each.kind for each in absent(rows, set())] == [Kind.MISSING, Kind.GONE]
    assert list(absent(rows, {"p/a"})) == []


@pytest.mark.parametrize(
    ("known", "is_left"),
    [
        (None, True),
        (row("reserved", upload_id="u"), False),
        (row("removing", upload_id="u"), False),
        (row("removed"), True),
        (row("stored"), True),
        # Somebody copies by parts right now, and never says the upload's id.
        (row("reserved", lease_expires_at=NOW + timedelta(seconds=30)), False),
        (row("reserved", lease_expires_at=NOW - timedelta(seconds=30)), True),
        (row("reserved", upload_id="another", lease_expires_at=NOW - timedelta(seconds=30)), True),
    ],
)
def test_an_unfinished_upload_is_left_to_whoever_writes_it(known, is_left):
    rows = {known.key: known} if known else {}
    assert bool(list(compare_uploads([ListedUpload("p/a", "u", OLD)], rows, RULES))) is is_left
    assert list(compare_uploads([ListedUpload("p/a", "u", YOUNG)], rows, RULES)) == []
