"""Text that PostgreSQL and UTF-8 can take, at any depth."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.core.text import Text, require_storable

STORABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | STORABLE,
    lambda children: st.lists(children) | st.dictionaries(STORABLE, children),
    max_leaves=20,
)


@given(value=JSON)
def test_what_can_be_stored_passes_unchanged(value):
    assert require_storable(value) is value


@pytest.mark.parametrize("bad", ["\0", "a\0", "\ud800", "a\udfffb", "\ud83d\ude00"])
@pytest.mark.parametrize(
    "place",
    [lambda bad: bad, lambda bad: [bad], lambda bad: {"a": bad}, lambda bad: {bad: 1}, lambda bad: [[{"a": [bad]}]]],
)
def test_what_can_not_is_found_wherever_it_hides(place, bad):
    """Case 77."""
    with pytest.raises(ValueError, match="NUL or lone surrogates"):
        require_storable(place(bad))


def test_depth_does_not_matter():
    """Case 77: no recursion that a deep value could exhaust."""
    value: object = "\0"
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueError, match="NUL"):
        require_storable(value)


def test_a_pair_of_escaped_surrogates_is_one_character():
    assert require_storable(json.loads('"\\ud83d\\ude00"')) == "😀"


def test_a_field_of_that_kind_refuses_too():
    with pytest.raises(ValidationError):
        TypeAdapter(Text).validate_python("a\0b")
