"""The size of what JSON becomes is known before it's parsed, whatever its pieces and its strings."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.exceptions import Invalid
from app.core.json_shape import MAX_DEPTH, MAX_VALUES, JsonShape

TEXT = st.text(alphabet=st.sampled_from('ab"\\[]{},: \n\u00e9\U0001f600'), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=20
)


def depth_of(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth_of, inner), default=0)


def count_of(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(count_of, inner))


def fed(body: bytes, *, piece_bytes: int = 65_536) -> JsonShape:
    shape = JsonShape()
    for start in range(0, len(body), piece_bytes):
        shape.feed(body[start : start + piece_bytes])
    return shape


@given(VALUES, st.booleans(), st.integers(min_value=1, max_value=7))
def test_no_value_is_missed_and_no_string_is_taken_for_one(value, escapes, piece_bytes):
    shape = fed(json.dumps(value, ensure_ascii=escapes).encode(), piece_bytes=piece_bytes)
    assert count_of(value) <= shape.values + 1
    # One too many for each container that holds something, and none for what stands in strings.
    assert shape.values <= 2 * count_of(value)
    assert shape._depth == 0


@pytest.mark.parametrize("bracket", ["[", '{"a":'])
def test_depth_is_bounded_exactly(bracket):
    closing = {"[": "]", '{"a":': "}"}[bracket]
    fed((bracket * MAX_DEPTH + "1" + closing * MAX_DEPTH).encode())
    with pytest.raises(Invalid):
        fed((bracket * (MAX_DEPTH + 1)).encode())


@pytest.mark.parametrize("piece_bytes", [1, 2, 3, 65_536])
def test_brackets_in_strings_are_text(piece_bytes):
    body = json.dumps({"a": "[" * 100, "\\": "\\", '"': '"[', "b\\": ["\\\\", '\\"']}).encode()
    assert fed(body, piece_bytes=piece_bytes).values < 10


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"1," * MAX_VALUES + b"1]",
        b"[" + b"[]," * (MAX_VALUES // 2) + b"[]]",
        b"[" * (MAX_VALUES + 1),
        b"]",
        b"[]]" + b"]" * 1_000_000,
    ],
    ids=["numbers", "arrays", "brackets without end", "a bracket too many", "many too many"],
)
def test_too_much_is_refused_before_all_of_it_is_there(body):
    with pytest.raises(Invalid):
        fed(body)


def test_the_largest_bodies_that_have_a_meaning_are_taken():
    parts = [{"part_number": number, "etag": "d41d8cd98f00b204e9800998ecf8427e"} for number in range(1, 10_001)]
    fed(json.dumps({"parts": parts}).encode())
    fed(json.dumps({"ids": ["01890000-0000-7000-8000-000000000000"] * 1_000}).encode())
