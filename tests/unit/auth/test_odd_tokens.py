"""Forged and odd tokens, each with its answer: by the secret."""

from __future__ import annotations

import pytest

from app.modules.auth.tokens import SecretTokens
from tests.support.odd_tokens import BY_SECRET, answer_to, groups_of, settings_of
from tests.support.service import SECRET
from tests.support.tokens import signed


@pytest.mark.parametrize(("token", "expected"), BY_SECRET.values(), ids=BY_SECRET)
async def test_a_token_by_the_secret_gets_its_answer(token, expected):
    """Case 93."""
    assert await answer_to(SecretTokens(settings_of(jwt_secret=SECRET)), token()) == expected


@pytest.mark.parametrize(("separator", "text"), [("space", " a  c a"), ("comma", "a, c,,a")])
async def test_a_text_is_split_into_groups_only_where_a_separator_is_set(separator, text):
    tokens = SecretTokens(settings_of(jwt_secret=SECRET, groups_separator=separator))
    assert await answer_to(tokens, signed(groups=text)) == groups_of("a", "c")
    unsplit = SecretTokens(settings_of(jwt_secret=SECRET))
    assert await answer_to(unsplit, signed(groups=text)) == groups_of(text)


async def test_groups_are_found_under_the_name_that_is_set():
    tokens = SecretTokens(settings_of(jwt_secret=SECRET, groups_claim="https://example.com/teams"))
    token = signed(**{"https://example.com/teams": ["a"], "groups": ["b"]})
    assert await answer_to(tokens, token) == groups_of("a")
