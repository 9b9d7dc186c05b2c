"""Tokens of an identity provider: keys that change, key ids that nobody has, a provider that is down."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import pytest

from tests.support.identity_provider import IdentityProvider, SigningKey, serving
from tests.support.service import wait_until
from tests.support.tokens import AUDIENCE, ISSUER, signed

pytestmark = pytest.mark.compared_once

OLD, NEW, STRANGER = SigningKey("2026-10"), SigningKey("2026-11", "RS256"), SigningKey("2026-10")
PATIENT = {"jwks_refresh_seconds": 3600, "jwks_max_age_seconds": 3600, "jwks_retry_seconds": 3600}


@pytest.fixture
def provider():
    with serving(IdentityProvider(OLD)) as published:
        yield published


@pytest.fixture
def signed_in(start_service, provider):
    """Start a service that takes the provider's tokens; gives what answers a token: `status("…")`."""

    @contextmanager
    def start(**settings):
        auth = {"jwt_secret": None, "jwks_url": provider.url, "issuer": ISSUER, "audience": AUDIENCE} | settings
        with start_service(auth=auth) as service, service.client(None) as client:

            def answer(token: str):
                return client.get("/files", headers={"Authorization": f"Bearer {token}"})

            yield answer

    return start


def code_of(answer) -> str | None:
    return None if answer.status_code == 200 else answer.json()["code"]


def test_a_good_token_owns_what_it_uploads(start_service, provider):
    auth = {"jwt_secret": None, "jwks_url": provider.url, "issuer": ISSUER, "audience": AUDIENCE}
    headers = {"Authorization": f"Bearer {OLD.token(sub='carol')}"}
    with start_service(auth=auth) as service, service.client(None) as client:
        file = client.post("/files/upload", files={"file": ("a.txt", b"hers")}, headers=headers).json()
        assert file["owner_id"] == "carol"
        page = client.get("/files", params={"limit": 1}, headers=headers).json()
        assert [item["id"] for item in page["items"]] == [file["id"]]


def test_the_provider_is_asked_once_for_many_callers_at_once(signed_in, provider):
    provider.hold.clear()
    with signed_in(**PATIENT) as answer, ThreadPoolExecutor(8) as callers:
        waiting = [callers.submit(answer, OLD.token(sub=f"caller-{number}")) for number in range(8)]
        wait_until(lambda: provider.requests)
        provider.hold.set()
        assert [each.result().status_code for each in waiting] == [200] * 8
    assert provider.requests == ["/.well-known/jwks.json"]


def test_a_new_key_is_found_by_itself_and_a_withdrawn_one_refused(signed_in, provider):
    with signed_in(**PATIENT | {"jwks_retry_seconds": 0.2}) as answer:
        assert answer(OLD.token()).status_code == 200
        assert code_of(answer(NEW.token())) == "unauthenticated"
        provider.publish(OLD, NEW)
        wait_until(lambda: answer(NEW.token()).status_code == 200)
        assert answer(OLD.token()).status_code == 200
        provider.publish(NEW)
        # Somebody's unknown key makes the service look again, and then the old one is gone.
        unknown = SigningKey("unknown").token()
        wait_until(lambda: answer(unknown).status_code == 401 and answer(OLD.token()).status_code == 401)
        assert answer(NEW.token()).status_code == 200


def test_a_withdrawn_key_is_refused_once_what_is_known_is_old(signed_in, provider):
    with signed_in(**PATIENT | {"jwks_refresh_seconds": 0.3, "jwks_retry_seconds": 0.1}) as answer:
        assert answer(OLD.token()).status_code == 200
        provider.publish(NEW)
        wait_until(lambda: answer(OLD.token()).status_code == 401, timeout_seconds=5)


def test_another_key_under_the_same_name_takes_the_place_of_the_first(signed_in, provider):
    with signed_in(**PATIENT | {"jwks_refresh_seconds": 0.3, "jwks_retry_seconds": 0.1}) as answer:
        assert answer(STRANGER.token()).status_code == 401
        provider.publish(STRANGER)
        wait_until(lambda: answer(STRANGER.token()).status_code == 200, timeout_seconds=5)
        assert answer(OLD.token()).status_code == 401


def test_forged_key_ids_can_not_hammer_the_provider(signed_in, provider):
    """Two hundred names that nobody has: one look at start, one more for all of them."""
    forged = [STRANGER.token(header={"kid": f"../{uuid4()}"}) for _ in range(200)]
    with signed_in(**PATIENT | {"jwks_retry_seconds": 0.2}) as answer:
        assert answer(OLD.token()).status_code == 200
        began = time.monotonic()
        with ThreadPoolExecutor(8) as callers:
            assert {each.status_code for each in callers.map(answer, forged)} == {401}
        intervals = (time.monotonic() - began) / 0.2
        assert len(provider.requests) <= 1 + intervals + 1
        assert answer(OLD.token()).status_code == 200
    with signed_in(**PATIENT) as answer:
        before = len(provider.requests)
        with ThreadPoolExecutor(8) as callers:
            assert {each.status_code for each in callers.map(answer, forged)} == {401}
        assert len(provider.requests) - before == 1


def test_tokens_of_another_family_never_reach_the_provider(signed_in, provider):
    with signed_in() as answer:
        assert code_of(answer(signed(header={"kid": OLD.key_id}))) == "unauthenticated"
        assert code_of(answer("hf_abcdefgh_" + "a" * 43)) == "unauthenticated"
    assert provider.requests == []


def test_while_the_provider_is_down_known_keys_stay_in_use_up_to_an_age(signed_in, provider):
    ages = {"jwks_refresh_seconds": 0.2, "jwks_retry_seconds": 0.2, "jwks_max_age_seconds": 5}
    with signed_in(**ages) as answer:
        assert answer(OLD.token()).status_code == 200
        provider.fail()
        known_at, asked = time.monotonic(), len(provider.requests)
        wait_until(lambda: answer(OLD.token()).status_code == 200 and len(provider.requests) > asked)
        assert answer(OLD.token()).status_code == 200
        # Nobody can say whether this key is new or forged.
        refused = answer(NEW.token())
        assert (refused.status_code, code_of(refused)) == (503, "authentication_unavailable")
        wait_until(lambda: answer(OLD.token()).status_code == 503)
        assert time.monotonic() - known_at >= 4.0
        refused = answer(OLD.token())
        assert code_of(refused) == "authentication_unavailable"
        assert int(refused.headers["Retry-After"]) >= 1
        provider.recover()
        wait_until(lambda: answer(OLD.token()).status_code == 200)


def test_a_failing_provider_is_asked_less_and_less(signed_in, provider):
    provider.fail()
    with signed_in(jwks_retry_seconds=0.1) as answer:
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            assert answer(OLD.token()).status_code == 503
    # At 0, 0.1, 0.3, 0.7, 1.5 seconds.
    assert 2 <= len(provider.requests) <= 6


def test_a_provider_that_hangs_makes_nobody_wait_who_has_a_key(signed_in, provider):
    ages = PATIENT | {"jwks_refresh_seconds": 0.2, "jwks_retry_seconds": 0.1, "jwks_timeout_seconds": 2}
    with signed_in(**ages) as answer:
        assert answer(OLD.token()).status_code == 200
        provider.hold.clear()
        asked = len(provider.requests)
        # The first to notice waits for its time-out, nobody after it.
        wait_until(lambda: answer(OLD.token()).status_code == 200 and len(provider.requests) >= asked + 2)
        for _ in range(20):
            began = time.monotonic()
            assert answer(OLD.token()).status_code == 200
            assert time.monotonic() - began < 1.5


@pytest.mark.parametrize(
    "spoil",
    [
        lambda provider: provider.fail(500),
        lambda provider: provider.fail(302, headers={"Location": provider.url + "?elsewhere"}),
        lambda provider: provider.fail(204),
        lambda provider: setattr(provider, "content", b"<html>"),
        lambda provider: setattr(provider, "content", b"[" * 100_000),
        lambda provider: setattr(provider, "content", b"[]"),
        lambda provider: setattr(provider, "content", b'{"keys": 7}'),
        lambda provider: setattr(provider, "content", b'{"keys": []}'),
        lambda provider: setattr(provider, "content", b" " * 300_000 + provider.content),
        lambda provider: provider.publish(*[OLD] * 101),
        lambda provider: provider.publish(OLD.private_jwk(), NEW.private_jwk()),
        lambda provider: provider.publish(OLD.jwk(key_ops=["sign"])),
        lambda provider: provider.publish(OLD.jwk(kid=None)),
    ],
    ids=[
        "500", "redirect", "204", "HTML", "brackets", "list", "no list", "empty", "too long", "too many keys",
        "a private key", "a key to sign", "a key without name",
    ],
)  # fmt: skip
def test_a_provider_without_usable_keys_is_no_provider(signed_in, provider, spoil):
    spoil(provider)
    with signed_in() as answer:
        refused = answer(OLD.token())
    assert (refused.status_code, code_of(refused)) == (503, "authentication_unavailable")
    assert provider.requests == ["/.well-known/jwks.json"]
    assert provider.url not in refused.text


def test_public_reading_needs_no_provider(start_service, provider, upload):
    file = upload(b"for all", is_public="true")
    provider.fail()
    auth = {"jwt_secret": None, "jwks_url": provider.url}
    with start_service(auth=auth) as service, service.client(None) as client:
        assert client.get(f"/files/{file['id']}").status_code == 200
    assert provider.requests == []
