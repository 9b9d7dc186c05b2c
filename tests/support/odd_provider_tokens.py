"""Forged and odd tokens by a provider's keys, each with its answer, and the provider that publishes these keys."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.identity_provider import IdentityProvider, SigningKey, serving
from tests.support.odd_tokens import ALICE, EXPIRED, NO_KEY, NOT_VALID, NOW, TOO_LONG, base64url, groups_of
from tests.support.tokens import claims, raw, signed

RSA, EC, UNKNOWN = SigningKey("rsa", "RS256"), SigningKey("ec"), SigningKey("unknown", "RS256")
SHORT, P384 = SigningKey("short", "RS256", bits=1024), SigningKey("p384", "ES384", curve=ec.SECP384R1)
ENCRYPTING, LISTED_AS_RS512 = SigningKey("enc", "RS256"), SigningKey("rs512", "RS256")


def public_pem(key: SigningKey) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.private.public_key().public_bytes(serialization.Encoding.PEM, form)


def hmac_by_public_key(form: str) -> str:
    """The swap: a token by HMAC, whose secret is what everybody can read."""
    secret = public_pem(RSA) if form == "pem" else json.dumps(RSA.jwk()).encode()
    head, body = base64url(b'{"alg":"HS256","kid":"rsa"}'), base64url(json.dumps(claims()).encode())
    signature = hmac.digest(secret, f"{head}.{body}".encode(), "sha256")
    return f"{head}.{body}.{base64url(signature)}"


def relabelled(token: str, **changes) -> str:
    """The same token under another header."""
    header, _, rest = token.partition(".")
    header = json.loads(base64.urlsafe_b64decode(header + "==")) | changes
    return f"{base64url(json.dumps(header).encode())}.{rest}"


def by_short_key() -> str:
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        return SHORT.token()


BY_PROVIDER = {
    "good, RS256": (RSA.token, ALICE),
    "good, ES256": (EC.token, ALICE),
    "good, with groups": (lambda: EC.token(groups=["a"]), groups_of("a")),
    "HS256 by the public key as PEM": (lambda: hmac_by_public_key("pem"), NOT_VALID),
    "HS256 by the public key as JWK": (lambda: hmac_by_public_key("jwk"), NOT_VALID),
    "HS256 by the test's secret": (lambda: signed(header={"kid": "rsa"}), NOT_VALID),
    "alg none": (lambda: raw({"alg": "none", "kid": "rsa"}, claims(), b""), NOT_VALID),
    "PS256 by a known key": (
        lambda: jwt.encode(claims(), RSA.private, algorithm="PS256", headers={"kid": "rsa"}), NOT_VALID
    ),
    "RS512 by a known key": (
        lambda: jwt.encode(claims(), RSA.private, algorithm="RS512", headers={"kid": "rsa"}), NOT_VALID
    ),
    "RS256 under the name of a P-256 key": (lambda: RSA.token(header={"kid": "ec"}), NOT_VALID),
    "ES256 under the name of an RSA key": (lambda: EC.token(header={"kid": "rsa"}), NOT_VALID),
    "signed by another under a known name": (lambda: UNKNOWN.token(header={"kid": "rsa"}), NOT_VALID),
    "ES256 with a signature of zeros": (lambda: EC.token().rpartition(".")[0] + "." + base64url(bytes(64)), NOT_VALID),
    "ES256 with half a signature": (lambda: EC.token()[:-43], NOT_VALID),
    "RSA of 1,024 bits": (by_short_key, NOT_VALID),
    "a P-384 key": (lambda: relabelled(P384.token(), alg="ES256"), NOT_VALID),
    "a key for encryption": (ENCRYPTING.token, NOT_VALID),
    "a key for RS512": (LISTED_AS_RS512.token, NOT_VALID),
    "a symmetric key in the set": (lambda: signed(key="k" * 48, header={"kid": "oct"}), NOT_VALID),
    "kid absent": (lambda: RSA.token(header={"kid": None}), NO_KEY),
    "kid empty": (lambda: RSA.token(header={"kid": ""}), NO_KEY),
    "kid a number": (lambda: relabelled(RSA.token(), kid=7), NOT_VALID),
    "kid null": (lambda: relabelled(RSA.token(), kid=None), NOT_VALID),
    "kid of 256 characters": (lambda: RSA.token(header={"kid": "k" * 256}), NO_KEY),
    "kid a path": (lambda: RSA.token(header={"kid": "../../../etc/passwd"}), NOT_VALID),
    "kid an address": (lambda: RSA.token(header={"kid": "http://169.254.169.254/latest"}), NOT_VALID),
    "kid SQL": (lambda: RSA.token(header={"kid": "x' UNION SELECT 'key"}), NOT_VALID),
    "kid a template": (lambda: RSA.token(header={"kid": "${jndi:ldap://x}"}), NOT_VALID),
    "its own key in jwk": (lambda: UNKNOWN.token(header={"kid": "rsa", "jwk": UNKNOWN.jwk()}), NOT_VALID),
    "its own key in jku": (lambda: UNKNOWN.token(header={"kid": "rsa", "jku": "http://127.0.0.1:1/"}), NOT_VALID),
    "jku and x5u, rightly signed: not looked at": (
        lambda: RSA.token(header={"jku": "http://127.0.0.1:1/", "x5u": "http://127.0.0.1:1/"}), ALICE
    ),
    "crit": (lambda: RSA.token(header={"crit": ["x"], "x": 1}), NOT_VALID),
    "expired": (lambda: EC.token(exp=NOW - 3600), EXPIRED),
    "no exp": (lambda: EC.token(exp=None), NOT_VALID),
    "another audience": (lambda: EC.token(aud="billing"), NOT_VALID),
    "another issuer": (lambda: EC.token(iss="https://evil.example.com"), NOT_VALID),
    "1 MB": (lambda: EC.token(padding="x" * 1_000_000), TOO_LONG),
}  # fmt: skip


@contextmanager
def odd_provider() -> Iterator[IdentityProvider]:
    """Publishes two good keys among others that must not count."""
    with serving(IdentityProvider()) as published:
        published.publish(
            RSA, EC, SHORT, P384, ENCRYPTING.jwk(use="enc"), LISTED_AS_RS512.jwk(alg="RS512"),
            {"kty": "oct", "kid": "oct", "k": base64url(b"k" * 48)}, {"kty": "RSA", "kid": "broken", "n": "!", "e": 1},
            {"kid": "nothing"}, 7,
        )  # fmt: skip
        yield published
