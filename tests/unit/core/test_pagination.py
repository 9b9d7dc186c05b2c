"""Cursors: what is made comes back, and nothing else does."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.pagination import CursorSigner, InvalidCursor
from app.core.signing_secret import SigningSecret

SIGNER = CursorSigner(SigningSecret(b"secret"))
QUERY = {"folder": "a", "status": "available"}
POSITION = (datetime(2026, 11, 20, 10, 30, 0, 123_456, tzinfo=UTC), UUID(int=7))


KEYS = st.datetimes(timezones=st.just(UTC)) | st.uuids() | st.text() | st.integers() | st.none()


@given(position=st.lists(KEYS, max_size=4), folder=st.text() | st.none())
def test_a_position_comes_back_as_it_was_to_the_microsecond(position, folder):
    cursor = SIGNER.encode(position, {"folder": folder})
    found = SIGNER.decode(cursor, {"folder": folder})
    assert found == tuple(position)
    assert [type(key) for key in found] == [type(key) for key in position]
    assert cursor.replace("-", "").replace("_", "").isalnum()


@given(text=st.sampled_from("stu").flatmap(lambda letter: st.text().map(lambda rest: letter + rest)))
def test_text_is_never_taken_for_a_time_or_an_id(text):
    assert SIGNER.decode(SIGNER.encode((text,), QUERY), QUERY) == (text,)


def test_another_worker_with_the_same_secret_takes_it():
    assert (
        CursorSigner(SigningSecret(b"secret")).decode(SIGNER.encode(POSITION, QUERY), dict(reversed(QUERY.items())))
        == POSITION
    )


@pytest.mark.parametrize("query", [{}, {"folder": "b", "status": "available"}, QUERY | {"prefix": None}])
def test_another_query_does_not(query):
    with pytest.raises(InvalidCursor):
        SIGNER.decode(SIGNER.encode(POSITION, QUERY), query)


def test_another_secret_does_not():
    with pytest.raises(InvalidCursor):
        CursorSigner(SigningSecret(b"other")).decode(SIGNER.encode(POSITION, QUERY), QUERY)


def test_a_cursor_of_another_version_is_refused_though_rightly_signed():
    payload = json.dumps([99, POSITION[0].isoformat(), POSITION[1].hex]).encode()
    cursor = base64.urlsafe_b64encode(SIGNER._mac(payload, QUERY) + payload).decode()
    with pytest.raises(InvalidCursor):
        SIGNER.decode(cursor, QUERY)


@given(cursor=st.text(max_size=200))
def test_what_we_never_made_is_refused(cursor):
    with pytest.raises(InvalidCursor):
        SIGNER.decode(cursor, QUERY)


@given(at=st.integers(0, 99), letter=st.sampled_from("ABab01-_=!"))
def test_a_changed_letter_leads_nowhere_else(at, letter):
    good = SIGNER.encode(POSITION, QUERY)
    changed = good[:at] + letter + good[at + 1 :]
    try:
        assert SIGNER.decode(changed, QUERY) == POSITION  # letters that base64 ignores
    except InvalidCursor:
        assert changed != good
