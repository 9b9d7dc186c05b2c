"""Guessing a credential at home, against what the service hands out: cursors and addresses are signed with none."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from urllib.parse import parse_qs, unquote, urlsplit

import jwt
import pytest
from pydantic import SecretStr

from tests.support.content import noise
from tests.support.identity_provider import IdentityProvider, SigningKey, serving
from tests.support.tokens import AUDIENCE, ISSUER
from tests.support.uppy import key_of, signed

PROVIDERS_KEY = SigningKey("2026-11")
SUBJECT = "guesser"


def credentials_of(settings) -> list[bytes]:
    """Everything secret that the service was told, and the password inside the database's address."""
    groups = (getattr(settings, name) for name in type(settings).model_fields)
    found = [value.get_secret_value() for group in groups for _, value in group if isinstance(value, SecretStr)]
    address = settings.database.url.get_secret_value()
    return [text.encode() for text in (*found, address.replace("+asyncpg", ""), unquote(urlsplit(address).password))]


def made_cursor(cursor: str, secret: bytes) -> bool:
    """Whether a cursor of the folders at the top was signed with that secret; nobody has to be asked."""
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    query = {"parent": "", "owner_id": None, "sort": "folder", "caller": SUBJECT, "all": False}
    key = hashlib.sha256(b"holdfast cursor\0" + secret).digest()
    bound = raw[16:] + b"\0" + json.dumps(query, sort_keys=True).encode()
    return hmac.compare_digest(hmac.digest(key, bound, "sha256")[:16], raw[:16])


def made_token(token: str, secret: bytes) -> bool:
    """Whether an address for stock Uppy was signed with that secret."""
    try:
        jwt.decode(token, hashlib.sha256(b"holdfast uppy\0" + secret).digest(), algorithms=["HS256"])
    except jwt.InvalidSignatureError:
        return False
    return True


@pytest.fixture(params=["a secret", "a provider"])
def guesser(request, start_service):
    """A service whose tokens are signed so, and a client with one of them."""
    if request.param == "a secret":
        with start_service() as service, service.client(SUBJECT) as client:
            yield service, client
        return
    with serving(IdentityProvider(PROVIDERS_KEY)) as provider:
        auth = {"jwt_secret": None, "jwks_url": provider.url, "issuer": ISSUER, "audience": AUDIENCE}
        with start_service(auth=auth) as service, service.client(None) as client:
            client.headers["Authorization"] = f"Bearer {PROVIDERS_KEY.token(sub=SUBJECT)}"
            yield service, client


def test_a_cursor_confirms_no_guess_of_a_credential(guesser, registry):
    service, client = guesser
    for folder in ("a", "b"):
        sent = client.post("/files/upload", files={"file": ("a.txt", b"hers")}, data={"folder": folder})
        assert sent.status_code == 201
    cursor = client.get("/files/folders", params={"limit": 1}).json()["next_cursor"]
    guesses = credentials_of(service.settings)
    assert len(guesses) >= 3
    assert [guess for guess in guesses if made_cursor(cursor, guess)] == []
    # With the secret itself the same arithmetic finds it: what fails above is the guess.
    [kept] = registry.rows("SELECT value FROM kept_secrets WHERE name = 'signing'")
    assert made_cursor(cursor, kept["value"])


def test_an_address_for_stock_clients_confirms_no_guess_of_a_credential(guesser, registry):
    service, client = guesser
    content = noise(6 * 1_048_576)
    created = signed(client, "POST", key_of(content, "data.bin"))
    assert client.delete(f"/files/uploads/{created['key']}").status_code == 204
    [token] = parse_qs(urlsplit(created["url"]).query)["token"]
    assert [guess for guess in credentials_of(service.settings) if made_token(token, guess)] == []
    [kept] = registry.rows("SELECT value FROM kept_secrets WHERE name = 'signing'")
    assert made_token(token, kept["value"])
