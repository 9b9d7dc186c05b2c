"""Forged and odd tokens at the door of the real service: the same answers as from the function that judges them."""

from __future__ import annotations

import pytest

from app.core.http_protocol import MAX_HEAD_BYTES
from app.modules.auth.principal import Principal, Scope
from tests.support.odd_provider_tokens import BY_PROVIDER, odd_provider
from tests.support.odd_tokens import BY_SECRET
from tests.support.tokens import AUDIENCE, ISSUER

pytestmark = pytest.mark.compared_once

# No header can carry these.
UNSENDABLE = {"empty", "a lone surrogate", "a NUL"}
SENDABLE = {what: row for what, row in BY_SECRET.items() if what not in UNSENDABLE}
FOR_US = {"issuer": ISSUER, "audience": AUDIENCE}


@pytest.fixture(scope="module")
def by_secret(start_service):
    """A service that wants an issuer and an audience."""
    with start_service(auth=FOR_US) as service, service.client(None) as client:
        yield client


@pytest.fixture(scope="module")
def by_provider(start_service):
    """A service that takes the tokens of a provider."""
    with odd_provider() as provider:
        auth = {"jwt_secret": None, "jwks_url": provider.url, **FOR_US}
        with start_service(auth=auth) as service, service.client(None) as client:
            yield client


def check(client, token: str, expected: Principal | str) -> None:
    answer = client.get("/files", headers={"Authorization": f"Bearer {token}".encode()})
    if len(token) > MAX_HEAD_BYTES:  # nobody reads on to see whose it is
        assert (answer.status_code, answer.json()["code"]) == (431, "headers_too_large")
        return
    if isinstance(expected, Principal):
        assert answer.status_code == (200 if Scope.READ in expected.scopes else 403)
        return
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["detail"]) == (401, "unauthenticated", expected)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("token", "expected"), SENDABLE.values(), ids=SENDABLE)
def test_a_token_by_the_secret_gets_its_answer(by_secret, token, expected):
    """Case 93."""
    check(by_secret, token(), expected)


@pytest.mark.parametrize(("token", "expected"), BY_PROVIDER.values(), ids=BY_PROVIDER)
def test_a_token_by_a_provider_gets_its_answer(by_provider, token, expected):
    """Case 93."""
    check(by_provider, token(), expected)
