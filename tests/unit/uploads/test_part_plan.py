"""How files are cut into parts: the arithmetic at its edges (case 44)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config import MEBIBYTE
from app.core.exceptions import Invalid
from app.modules.uploads.part_plan import (
    MAX_OBJECT_BYTES,
    MAX_PART_BYTES,
    MAX_PARTS,
    MIN_PART_BYTES,
    PREFERRED_PART_BYTES,
    PartPlan,
    plan_parts,
)


@pytest.mark.parametrize(
    ("size", "part", "count", "last"),
    [
        (1, PREFERRED_PART_BYTES, 1, 1),
        (PREFERRED_PART_BYTES, PREFERRED_PART_BYTES, 1, PREFERRED_PART_BYTES),
        (PREFERRED_PART_BYTES + 1, PREFERRED_PART_BYTES, 2, 1),
        (MAX_PARTS * PREFERRED_PART_BYTES, PREFERRED_PART_BYTES, MAX_PARTS, PREFERRED_PART_BYTES),
        (MAX_PARTS * PREFERRED_PART_BYTES + 1, 17 * MEBIBYTE, 9412, 13631489),
    ],
)
def test_parts_are_as_large_as_ten_thousand_of_them_need_to_be(size, part, count, last):
    plan = plan_parts(size)
    assert (plan.part_bytes, plan.count, plan.length_of(plan.count)) == (part, count, last)


@given(st.integers(1, MAX_OBJECT_BYTES))
def test_every_plan_is_one_that_s3_takes_and_holds_the_file_exactly(size):
    plan = plan_parts(size)
    assert MIN_PART_BYTES <= plan.part_bytes <= MAX_PART_BYTES
    assert 1 <= plan.count <= MAX_PARTS
    assert plan.part_bytes * (plan.count - 1) + plan.length_of(plan.count) == size
    assert 1 <= plan.length_of(plan.count) <= plan.part_bytes


def test_a_client_may_choose_within_the_limits():
    assert plan_parts(100 * MEBIBYTE, 5 * MEBIBYTE) == PartPlan(100 * MEBIBYTE, 5 * MEBIBYTE)


@pytest.mark.parametrize(
    ("size", "part"),
    [(100, MIN_PART_BYTES - 1), (100, MAX_PART_BYTES + 1), (MAX_PARTS * MIN_PART_BYTES + 1, MIN_PART_BYTES)],
)
def test_a_wish_that_s3_would_not_take_is_refused(size, part):
    with pytest.raises(Invalid):
        plan_parts(size, part)


@pytest.mark.parametrize("number", [0, 4])
def test_there_is_no_part_outside_of_the_plan(number):
    with pytest.raises(Invalid):
        plan_parts(3 * MIN_PART_BYTES, MIN_PART_BYTES).length_of(number)
