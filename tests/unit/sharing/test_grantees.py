"""Whom a path names: `user:<sub>` or `group:<name>`, and nothing that could be read as two things."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.modules.auth.claims import is_usable_name
from app.modules.files.models import GranteeKind
from app.modules.sharing.grantees import Grantee


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("user:bob", "user", "bob"),
        ("group:finance", "group", "finance"),
        ("user:group:finance", "user", "group:finance"),
        ("user:user:bob", "user", "user:bob"),
        ("user::", "user", ":"),
        ("user: ", "user", " "),
        ("group: a b ", "group", " a b "),
        ("user:auth0|7", "user", "auth0|7"),
        ("user:https://login.example.com/users/7?a=b#c", "user", "https://login.example.com/users/7?a=b#c"),
        ("user:/", "user", "/"),
        ("group:%2F", "group", "%2F"),
        ("group:Büro/東京", "group", "Büro/東京"),
        ("user:e\u0301", "user", "e\u0301"),
        ("user:*", "user", "*"),
        ("user:" + "x" * 255, "user", "x" * 255),
    ],
)
def test_a_name_is_what_stands_behind_the_first_colon_verbatim(text, kind, name):
    assert Grantee.parse(text) == Grantee(GranteeKind(kind), name)
    assert str(Grantee.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "bob", ":", ":bob", "user", "group", "user:", "group:", "User:bob", "USER:bob", " user:bob", "user :bob",
        "users:bob", "role:bob", "user/bob", "user;bob", "user\uff1abob", "user:\0", "user:a\nb", "user:\x7f",
        "user:\x85", "group:\t", "user:\ud800", "user:a\ufffd", "user:" + "x" * 256,
    ],
)  # fmt: skip
def test_all_else_names_nobody(text):
    with pytest.raises(ValueError, match=r"^must "):
        Grantee.parse(text)


@given(kind=st.sampled_from(GranteeKind), name=st.text(max_size=300))
def test_every_name_that_a_token_can_have_can_be_named(kind, name):
    text = f"{kind}:{name}"
    if is_usable_name(name) and "\ufffd" not in name:
        assert Grantee.parse(text) == Grantee(kind, name)
    else:
        with pytest.raises(ValueError, match=r"^must "):
            Grantee.parse(text)
