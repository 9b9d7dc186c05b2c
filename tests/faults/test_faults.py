"""A bounded round of the fault harness; `make faults` runs the long one."""

from __future__ import annotations

import os

import pytest

from tests.faults.harness import Harness
from tests.faults.storms import STORE_FAULTS

KILLS = 8


@pytest.mark.timeout(400)
def test_whatever_dies_or_fails_one_pass_puts_it_right(parts, tmp_path):
    seed = os.environ.get("FAULTS_SEED", str(os.getpid()))
    harness = Harness({"S3_BUCKET_NAME": "holdfast"} | parts, tmp_path, seed)
    harness.run(KILLS, lanes=1, storm_lanes=2)
    report = harness.report
    assert not report.wrong, "\n".join([f"again: FAULTS_SEED={seed}", *report.wrong])
    assert report.kills >= KILLS
    assert len(report.steps) > KILLS / 2
    # Besides the store's: absence and cuts of the database, its server's crash, its full disk; the look at the end.
    assert len(report.faults) + len(report.left_out) == len(STORE_FAULTS) + 5
    if report.left_out and os.environ.get("REQUIRE_ALL"):
        pytest.fail("; ".join(report.left_out))
