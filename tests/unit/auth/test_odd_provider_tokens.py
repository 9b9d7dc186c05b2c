"""Forged and odd tokens, each with its answer: by a provider's keys."""

from __future__ import annotations

import pytest

from app.modules.auth.provider_keys import ProviderKeys
from app.modules.auth.tokens import ProviderTokens
from tests.support.odd_provider_tokens import BY_PROVIDER, odd_provider
from tests.support.odd_tokens import answer_to, settings_of


@pytest.fixture(scope="module")
def provider():
    with odd_provider() as published:
        yield published


@pytest.fixture(scope="module")
def provider_tokens(provider):
    settings = settings_of(jwks_url=provider.url)
    return ProviderTokens(settings, ProviderKeys(provider.url, settings))


@pytest.mark.parametrize(("token", "expected"), BY_PROVIDER.values(), ids=BY_PROVIDER)
async def test_a_token_by_a_provider_gets_its_answer(provider, provider_tokens, token, expected):
    """Case 93, and all of it with one look at what the provider publishes."""
    assert await answer_to(provider_tokens, token()) == expected
    assert len(provider.requests) <= 1
