"""A bounded round of the fault harness; `make faults` runs the long one."""

from __future__ import annotations

import os

import pytest

from tests.faults.harness import Harness
from tests.faults.storms import PATIENCE, STORE_FAULTS, weather_absence, weather_cuts, weather_store

KILLS = 25
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def harness(parts, tmp_path_factory):
    seed = os.environ.get("FAULTS_SEED", str(os.getpid()))
    given = {"S3_BUCKET_NAME": "holdfast"} | parts
    return Harness(given, tmp_path_factory.mktemp("faults"), seed)


@pytest.fixture(scope="module")
def lane(harness):
    with harness.lane("storms", **PATIENCE) as lane:
        yield lane


@pytest.mark.parametrize("name", STORE_FAULTS)
def test_a_store_that_fails_leaves_no_disagreement(lane, name):
    assert weather_store(lane, name).wrong == []


@pytest.mark.parametrize("weather", [weather_absence, weather_cuts])
def test_a_database_out_of_reach_leaves_no_disagreement(lane, weather):
    assert weather(lane).wrong == []


def test_a_database_server_that_dies_leaves_no_disagreement(harness):
    assert harness.crash().wrong == []


def test_a_full_disk_leaves_no_disagreement(harness):
    done, reason = harness.full_disk()
    if done is None:
        if os.environ.get("REQUIRE_ALL"):
            pytest.fail(reason)
        pytest.skip(reason)
    assert done.wrong == []


def test_whatever_step_a_kill_hits_one_pass_puts_it_right(harness):
    harness.kills(KILLS, lanes=2)
    assert harness.report.wrong == [], f"again: FAULTS_SEED={harness.seed}"
    assert harness.report.kills >= KILLS
    assert len(harness.report.steps) > KILLS / 2
