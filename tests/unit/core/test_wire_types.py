"""One spelling for times, numbers and truth: the document's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from app.core.wire_types import JSON_NUMBER, FutureMoment, JsonBool, Moment


@pytest.mark.parametrize("text", ["2026-11-20T10:30:00Z", "2026-11-20t11:30:00.000+01:00", "2026-11-20 10:30:00z"])
def test_a_moment_is_read_as_rfc_3339_writes_it_and_kept_in_utc(text):
    read = TypeAdapter(Moment).validate_python(text)
    assert (read, read.tzinfo) == (datetime(2026, 11, 20, 10, 30, tzinfo=UTC), UTC)


ODD_MOMENTS = [
    0, 1_800_000_000, 1.5, True, [], {}, "", "now", "1800000000", "2026-11-20", "2026-11-20T10:30:00",
    "2026-11-20T10:30Z", "20261120T103000Z", "2026-11-20T10:30:00+0100", "2026-13-01T00:00:00Z",
    "2026-11-20T10:30:00Z\n", "\u0662026-11-20T10:30:00Z",
]  # fmt: skip


@pytest.mark.parametrize("value", ODD_MOMENTS)
def test_no_other_spelling_of_a_moment_is_taken(value):
    with pytest.raises(ValidationError):
        TypeAdapter(Moment).validate_python(value)


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
def test_a_moment_that_utc_has_no_year_for_is_refused(text):
    with pytest.raises(ValidationError, match="between the years 1 and 9999"):
        TypeAdapter(Moment).validate_python(text)


def test_what_is_over_is_not_in_the_future():
    with pytest.raises(ValidationError, match="must lie in the future"):
        TypeAdapter(FutureMoment).validate_python("2020-01-01T00:00:00Z")


@pytest.mark.parametrize("value", ["5", "5.0", True, False, 5.5, None])
def test_a_number_of_json_is_a_number(value):
    with pytest.raises(ValidationError):
        TypeAdapter(Annotated[int, JSON_NUMBER]).validate_python(value)


@pytest.mark.parametrize("value", [5, 5.0])
def test_json_has_one_kind_of_numbers(value):
    assert TypeAdapter(Annotated[int, JSON_NUMBER]).validate_python(value) == 5


@pytest.mark.parametrize("value", ["true", "yes", 1, 0, "", None])
def test_truth_of_json_is_true_or_false(value):
    with pytest.raises(ValidationError):
        TypeAdapter(JsonBool).validate_python(value)
