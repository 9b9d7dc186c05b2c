"""Tokens: only ones signed with our secret by our algorithm, for us, now; and no more than they say."""

from __future__ import annotations

import socket
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.tokens import AUDIENCE, ISSUER, claims, raw, signed

pytestmark = pytest.mark.compared_once


@pytest.fixture(scope="module")
def strict(start_service):
    """A service that wants an issuer and an audience."""
    with start_service(auth={"issuer": ISSUER, "audience": AUDIENCE}) as service, service.client(None) as client:
        yield client


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def status_of(client, authorization: str) -> int:
    answer = client.get("/files", headers={"Authorization": authorization})
    if answer.status_code == 401:
        assert answer.json()["code"] == "unauthenticated"
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    return answer.status_code


PAST = int(time.time()) - 3600
HS256 = {"alg": "HS256", "typ": "JWT"}


def test_a_token_longer_than_a_head_may_be_is_not_read(strict):
    """Case 93."""
    assert status_of(strict, f"Bearer {signed(padding='x' * 1_000_000)}") == 431


def test_a_token_of_another_family_proves_nobody(strict, rsa_key):
    """Case 93: RS256 where HS256 is expected, and the other way round with the public key as the secret."""
    assert status_of(strict, f"Bearer {signed(key=rsa_key, algorithm='RS256')}") == 401


@pytest.mark.parametrize(
    "authorization",
    ["Basic YWxpY2U6c2VjcmV0", "Bearer", "Token {token}", "{token}", "Bearer, {token}", "Bearer {token} {token}"],
)
def test_another_way_to_sign_in_proves_nobody(strict, authorization):
    assert status_of(strict, authorization.format(token=signed())) == 401


def test_a_token_put_together_rightly_by_hand_is_good(strict):
    """So that the forged ones of `hostile/test_odd_tokens_over_http.py` fail for what is wrong with them."""
    assert status_of(strict, f"Bearer {raw(HS256, claims())}") == 200


@pytest.mark.parametrize(
    "token",
    [
        signed,
        lambda: signed(exp=int(time.time()) - 10),
        lambda: signed(aud=["billing", AUDIENCE]),
        lambda: signed(sub="ä b/c@d"),
        lambda: signed(header={"kid": "whatever"}),
        lambda: signed(nbf=PAST, iat=PAST),
    ],
)
def test_a_good_token_proves_its_subject(strict, token):
    assert status_of(strict, f"Bearer {token()}") == 200
    assert status_of(strict, f"bearer  {token()}") == 200


@pytest.mark.parametrize(
    ("scope", "may_read", "may_write"),
    [
        ({}, True, True),
        ({"scope": "files:read"}, True, False),
        ({"scope": "files:write"}, False, True),
        ({"scope": "profile files:write files:read"}, True, True),
        ({"scp": ["files:read"]}, True, False),
        ({"scope": "files:admin"}, True, True),
        ({"scope": ""}, False, False),
        ({"scope": "files:*"}, False, False),
        ({"scope": "FILES:READ"}, False, False),
        ({"scope": "files:read", "scp": ["files:write"]}, True, False),
        ({"scp": []}, False, False),
    ],
)
def test_a_scope_means_exactly_what_it_says(strict, scope, may_read, may_write):
    headers = {"Authorization": f"Bearer {signed(**scope)}"}
    assert strict.get("/files", headers=headers).status_code == (200 if may_read else 403)
    # Nobody's file: 404 is the answer to those who may write.
    path = "/files/01890000-0000-7000-8000-000000000000"
    assert strict.delete(path, headers=headers).status_code == (404 if may_write else 403)


def test_without_issuer_and_audience_set_none_is_asked_for(anonymous):
    assert status_of(anonymous, f"Bearer {signed(iss=None, aud=None)}") == 200
    assert status_of(anonymous, f"Bearer {signed()}") == 200


def test_the_subject_owns_what_it_uploads_verbatim(service):
    with service.client("ä b/c@d") as client:
        file = client.post("/files/upload", files={"file": ("a.txt", b"mine")}).json()
        assert file["owner_id"] == "ä b/c@d"
        assert client.get(f"/files/{file['id']}").status_code == 200


def test_a_refused_upload_is_not_waited_for(service):
    """Case 30: the answer comes before the first byte of the body."""
    head = "PUT /api/v1/files/raw/a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=3) as connection:
        connection.sendall(head.encode())
        assert connection.recv(1024).startswith(b"HTTP/1.1 401")


def test_with_sign_in_off_everybody_is_local_and_no_admin(start_service, upload):
    others = upload(b"alice's")
    without = {"enabled": False, "jwt_secret": None}
    with start_service(auth=without) as open_service, open_service.client(None) as client:
        file = client.post("/files/upload", files={"file": ("a.txt", b"anybody's")}).json()
        assert file["owner_id"] == "local"
        for authorization in ("Bearer nonsense", f"Bearer {signed()}"):
            assert client.get(f"/files/{file['id']}", headers={"Authorization": authorization}).status_code == 200
        assert client.get(f"/files/{others['id']}").status_code == 404
