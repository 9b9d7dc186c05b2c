"""Ranges and conditions on any header that a client may think of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.exceptions import Stale, UnsatisfiableRange
from app.core.http_conditions import (
    ByteRange,
    Validators,
    applicable_range,
    is_unchanged,
    matches_etag,
    parse_range,
    require_match,
)

MOMENT = datetime(2026, 11, 20, 10, 30, 0, 500_000, tzinfo=UTC)
VALIDATORS = Validators('"sha256-a"', MOMENT)
RANGE_LIKE = st.from_regex(r"(bytes|items)=[ 0-9,-]{0,30}", fullmatch=True)
HEADER = st.one_of(st.text(max_size=300), RANGE_LIKE)
NAMES = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range")
DATE_LIKE = st.builds(
    "{:%a, %d %b} {} 00:00:00 {}{}".format,
    st.dates(),
    st.integers(0, 10**12),
    st.sampled_from("+-"),
    st.integers(0, 10**24),
)


@given(header=HEADER, size=st.integers(0, 10**13))
def test_whatever_is_asked_for_a_range_lies_within_the_file(header, size):
    """Case 53."""
    try:
        found = parse_range(header, size)
    except UnsatisfiableRange:
        return
    assert found is None or 0 <= found.first <= found.last < size


@given(first=st.integers(0, 999), length=st.integers(1, 1000), size=st.integers(1000, 2000))
def test_a_range_is_taken_as_it_is_written(first, length, size):
    last = min(first + length - 1, size - 1)
    assert parse_range(f"bytes={first}-{first + length - 1}", size) == ByteRange(first, last)
    assert parse_range(f"bytes=-{length}", size) == ByteRange(size - length, size - 1)
    assert ByteRange(first, last).length == last - first + 1


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"])
def test_an_empty_file_has_no_range(header):
    """Case 53."""
    with pytest.raises(UnsatisfiableRange) as caught:
        parse_range(header, 0)
    assert caught.value.headers == {"Content-Range": "bytes */0"}


def test_a_header_of_absurd_length_is_not_parsed():
    """Case 53: CVE-2025-62727."""
    assert parse_range("bytes=" + "0" * 300 + "-5", 100) is None


@given(headers=st.dictionaries(st.sampled_from(NAMES), st.one_of(HEADER, DATE_LIKE)))
def test_no_header_breaks_a_condition(headers):
    assert is_unchanged(headers, VALIDATORS) in {True, False}
    for judge in (lambda: require_match(headers, VALIDATORS), lambda: applicable_range(headers, VALIDATORS, 1000)):
        try:
            judge()
        except (Stale, UnsatisfiableRange):
            continue


def test_a_second_is_the_finest_that_http_can_say():
    """A client repeats the date it was given, which has lost the fraction."""
    assert VALIDATORS.http_date == "Fri, 20 Nov 2026 10:30:00 GMT"
    assert is_unchanged({"if-modified-since": VALIDATORS.http_date}, VALIDATORS)
    require_match({"if-unmodified-since": VALIDATORS.http_date}, VALIDATORS)


def test_the_date_is_said_in_gmt_wherever_the_database_lives():
    elsewhere = MOMENT.astimezone().astimezone(tz=None)
    assert Validators('"a"', elsewhere).http_date == VALIDATORS.http_date
    assert not is_unchanged({"if-modified-since": "Fri, 20 Nov 2026 10:30:00 +0200"}, VALIDATORS)


@pytest.mark.parametrize(
    ("header", "strong", "weak"),
    [
        ('"a"', True, True),
        ('W/"a"', False, True),
        ('"b", "a"', True, True),
        ('"b",W/"a"', False, True),
        (" * ", True, True),
        ("a", False, False),
        ('"ab"', False, False),
        ("", False, False),
        ('"*"', False, False),
    ],
)
def test_etags_are_compared_strongly_or_weakly(header, strong, weak):
    """Case 55."""
    assert matches_etag(header, '"a"', weak=False) is strong
    assert matches_etag(header, '"a"', weak=True) is weak


def test_a_changed_file_is_never_joined_to_an_old_part():
    """Case 53."""
    old = {"range": "bytes=5-9", "if-range": (MOMENT - timedelta(days=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")}
    assert applicable_range(old, VALIDATORS, 10) is None
    assert applicable_range(old | {"if-range": VALIDATORS.etag}, VALIDATORS, 10) == ByteRange(5, 9)
