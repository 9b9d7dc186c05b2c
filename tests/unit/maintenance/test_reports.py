"""Reports: what counts as well, and what people and machines read."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from app.modules.maintenance.reports import MAX_EXAMPLES, Gravity, Report, Tally, as_json, as_table


def report(gravity: Gravity, found: int, done: int, **changes) -> Report:
    tally = Tally({"things": gravity})
    for number in range(found):
        tally.find("things", f"key {number}")
    tally.do("things", done)
    tally.look("objects", 1234)
    values = {"is_dry_run": False, "stopped": None, "failed": None} | changes
    begun = datetime(2026, 11, 21, tzinfo=UTC)
    return Report(
        "reconcile", started_at=begun, seconds=1.5, looked_at=tally.looked_at, findings=tally.findings(), **values
    )


@pytest.mark.parametrize(
    ("gravity", "found", "done", "changes", "is_well"),
    [
        (Gravity.ROUTINE, 2, 2, {}, True),
        (Gravity.ROUTINE, 2, 1, {}, False),
        (Gravity.ROUTINE, 2, 0, {"is_dry_run": True}, True),
        (Gravity.WRONG, 2, 2, {}, True),
        (Gravity.WRONG, 2, 0, {"is_dry_run": True}, False),
        (Gravity.DAMAGE, 1, 1, {}, False),
        (Gravity.DAMAGE, 0, 0, {}, True),
        (Gravity.WRONG, 0, 0, {"stopped": "too many"}, False),
        (Gravity.WRONG, 0, 0, {"failed": "away"}, False),
    ],
)
def test_well_means_that_nothing_is_wrong_that_was_not_repaired(gravity, found, done, changes, is_well):
    assert report(gravity, found, done, **changes).is_well is is_well


def test_a_table_names_a_few_of_what_is_wrong_and_why_it_ended():
    table = as_table([report(Gravity.WRONG, 50, 3, stopped="too many")])
    assert "1,234 objects" in table
    assert "found      50  done       3" in table
    assert (table.count("key "), "STOPPED: too many" in table) == (MAX_EXAMPLES, True)


def test_json_holds_all_of_it():
    parsed = json.loads(as_json([report(Gravity.WRONG, 1, 1), report(Gravity.DAMAGE, 1, 0)]))
    assert parsed["is_well"] is False
    assert [each["is_well"] for each in parsed["reports"]] == [True, False]
    assert parsed["reports"][0]["findings"][0]["examples"] == ["key 0"]


def test_a_tally_survives_a_break_as_json():
    tally = Tally({"things": Gravity.WRONG})
    tally.find("things", "a")
    tally.look("objects", 3)
    again = Tally(tally.kinds, **json.loads(json.dumps(tally.as_dict())))
    assert again == tally
