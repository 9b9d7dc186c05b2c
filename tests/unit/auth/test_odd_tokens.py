"""Forged and odd tokens, each with its answer: by the secret, and by a provider's keys."""

from __future__ import annotations

import base64
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.config import AuthSettings
from app.core.exceptions import Unauthenticated
from app.modules.auth.principal import DEFAULT_SCOPES, Principal
from app.modules.auth.provider_keys import ProviderKeys
from app.modules.auth.tokens import ProviderTokens, SecretTokens
from tests.support.identity_provider import IdentityProvider, SigningKey, serving
from tests.support.service import SECRET
from tests.support.tokens import AUDIENCE, ISSUER, claims, raw, signed

HS256 = {"alg": "HS256", "typ": "JWT"}
NOW = int(time.time())
A_DAY = 86_400  # the table is made when tests are collected, long before some of them run
NOT_VALID = "The token is not valid."
EXPIRED = "The token has expired; get a new one."
TOO_LONG = "The token is too long."
NO_SUBJECT = "The token names no usable subject."
NO_KEY = "The token doesn't name the key (kid) that signed it."
ODD_SCOPE = "The token's scope is neither text nor a list of words."
ODD_SCP = "The token's scp is neither text nor a list of words."
ODD_GROUPS = "The token's groups are neither text nor a list of names of up to 255 characters."
ALICE = Principal("alice")


def moment(name: str) -> str:
    return f"The token's {name} is no number of seconds since 1970."


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def written(payload: str) -> str:
    """A rightly signed token whose claims are exactly this text."""
    return raw(HS256, payload.encode())


def with_text(name: str, value: str) -> str:
    """Good claims and one more, as JSON that `json.dumps` wouldn't write."""
    return written(json.dumps(claims(**{name: None}))[:-1] + f', "{name}": {value}}}')


def groups_of(*names: str, scopes=DEFAULT_SCOPES) -> Principal:
    return Principal("alice", scopes, frozenset(names))


def scoped(*scopes: str) -> Principal:
    return Principal("alice", frozenset(scopes))


# What it is: the token, and whom it proves or what is said of it.
BY_SECRET = {
    # Algorithms.
    "alg none": (lambda: raw({"alg": "none"}, claims(), b""), NOT_VALID),
    "alg None in capitals": (lambda: raw({"alg": "NONE"}, claims(), b""), NOT_VALID),
    "alg none, rightly signed": (lambda: raw({"alg": "none"}, claims()), NOT_VALID),
    "alg absent": (lambda: raw({"typ": "JWT"}, claims()), NOT_VALID),
    "alg null": (lambda: raw({"alg": None}, claims()), NOT_VALID),
    "alg a list": (lambda: raw({"alg": ["HS256"]}, claims()), NOT_VALID),
    "alg an object": (lambda: raw({"alg": {}}, claims()), NOT_VALID),
    "alg in lower case": (lambda: raw({"alg": "hs256"}, claims()), NOT_VALID),
    "HS384 by our secret": (lambda: signed(algorithm="HS384"), NOT_VALID),
    "HS512 by our secret": (lambda: signed(algorithm="HS512", key=SECRET * 2), NOT_VALID),
    "RS256 in the header, HMAC beneath": (lambda: raw({"alg": "RS256"}, claims()), NOT_VALID),
    # Headers.
    "kid a path": (lambda: raw(HS256 | {"kid": "../../../dev/null"}, claims(), b"x"), NOT_VALID),
    "kid a number": (lambda: raw(HS256 | {"kid": 7}, claims()), NOT_VALID),
    "kid SQL, rightly signed": (lambda: raw(HS256 | {"kid": "' OR 1=1 --"}, claims()), ALICE),
    "jku, x5u, jwk, x5c, rightly signed: not looked at": (
        lambda: raw(HS256 | {"jku": "http://127.0.0.1:1/", "x5u": "file:///", "jwk": {}, "x5c": [1]}, claims()),
        ALICE,
    ),
    "signed by the secret in its own jwk": (
        lambda: signed(key="x" * 48, header={"jwk": {"kty": "oct", "k": base64url(b"x" * 48)}}),
        NOT_VALID,
    ),
    "crit unknown": (lambda: raw(HS256 | {"crit": ["exp"]}, claims()), NOT_VALID),
    "crit empty": (lambda: raw(HS256 | {"crit": []}, claims()), NOT_VALID),
    "crit b64, payload not encoded": (lambda: raw(HS256 | {"crit": ["b64"], "b64": False}, b""), NOT_VALID),
    "crit b64, payload encoded": (lambda: raw(HS256 | {"crit": ["b64"], "b64": True}, claims()), NOT_VALID),
    "b64 false without crit": (lambda: raw(HS256 | {"b64": False}, claims()), NOT_VALID),
    "typ odd, rightly signed": (lambda: raw({"alg": "HS256", "typ": 7}, claims()), ALICE),
    "header a list": (lambda: raw([HS256], claims()), NOT_VALID),
    "header of 6,000 brackets": (lambda: raw(b"[" * 5_000, claims()), NOT_VALID),
    "header with alg twice": (lambda: raw(b'{"alg":"HS256","alg":"none"}', claims(), b""), NOT_VALID),
    # Shape.
    "empty": (lambda: "", NOT_VALID),
    "two dots": (lambda: "..", NOT_VALID),
    "one dot": (lambda: "a.b", NOT_VALID),
    "three dots": (lambda: signed() + ".x", NOT_VALID),
    "five parts, as an encrypted one": (lambda: "a.b.c.d.e", NOT_VALID),
    "a dot in front": (lambda: "." + signed(), NOT_VALID),
    "junk behind the signature": (lambda: signed() + "!!", NOT_VALID),
    "a space within": (lambda: signed().replace(".", ". ", 1), NOT_VALID),
    "Arabic digits": (lambda: signed() + "٣", NOT_VALID),
    "a lone surrogate": (lambda: signed() + "\ud800", NOT_VALID),
    "a NUL": (lambda: signed() + "\0", NOT_VALID),
    "no signature": (lambda: signed().rpartition(".")[0] + ".", NOT_VALID),
    "another secret": (lambda: signed(key="x" * 48), NOT_VALID),
    "one character more than 8 KiB": (lambda: "a" * 8_193, TOO_LONG),
    "1 MB, rightly signed": (lambda: signed(padding="x" * 1_000_000), TOO_LONG),
    "a token within a token": (lambda: written(json.dumps(signed())), NOT_VALID),
    "a token as payload": (lambda: written(signed()), NOT_VALID),
    "claims a list": (lambda: raw(HS256, [1]), NOT_VALID),
    "claims of 5,000 brackets": (lambda: written("[" * 5_000), NOT_VALID),
    "claims not UTF-8": (lambda: raw(HS256, b'{"sub": "\xff"}'), NOT_VALID),
    "a number of 5,000 digits": (lambda: with_text("exp", "1" * 5_000), NOT_VALID),
    # Times.
    "expired": (lambda: signed(exp=NOW - 3600), EXPIRED),
    "expired beyond the leeway": (lambda: signed(exp=NOW - 61), EXPIRED),
    "no exp": (lambda: signed(exp=None), NOT_VALID),
    "exp null": (lambda: with_text("exp", "null"), NOT_VALID),
    "exp text of digits": (lambda: signed(exp=str(NOW + A_DAY)), moment("exp")),
    "exp words": (lambda: signed(exp="tomorrow"), NOT_VALID),
    "exp a list": (lambda: signed(exp=[NOW + A_DAY]), NOT_VALID),
    "exp true": (lambda: with_text("exp", "true"), EXPIRED),
    "exp a float": (lambda: signed(exp=NOW + A_DAY + 0.5), ALICE),
    "exp infinite": (lambda: with_text("exp", "Infinity"), NOT_VALID),
    "exp not a number": (lambda: with_text("exp", "NaN"), NOT_VALID),
    "exp of 400 digits": (lambda: with_text("exp", "9" * 400), moment("exp")),
    "exp in milliseconds": (lambda: signed(exp=(NOW + A_DAY) * 1000), moment("exp")),
    "exp negative": (lambda: signed(exp=-1), EXPIRED),
    "nbf ahead": (lambda: signed(nbf=NOW + 3600), NOT_VALID),
    "nbf text of digits": (lambda: signed(nbf=str(NOW - 600)), moment("nbf")),
    "nbf null": (lambda: with_text("nbf", "null"), NOT_VALID),
    "iat ahead": (lambda: signed(iat=NOW + 3600), NOT_VALID),
    "iat true": (lambda: with_text("iat", "true"), moment("iat")),
    # For whom, from whom.
    "another issuer": (lambda: signed(iss="https://evil.example.com"), NOT_VALID),
    "issuer with a slash more": (lambda: signed(iss=ISSUER + "/"), NOT_VALID),
    "issuer a list": (lambda: raw(HS256, claims(iss=[ISSUER])), NOT_VALID),
    "another audience": (lambda: signed(aud="billing"), NOT_VALID),
    "audiences, ours among them": (lambda: signed(aud=["billing", AUDIENCE]), ALICE),
    "audiences, ours not among them": (lambda: signed(aud=["billing", "mail"]), NOT_VALID),
    "audiences empty": (lambda: signed(aud=[]), NOT_VALID),
    "audiences with a number": (lambda: signed(aud=[AUDIENCE, 7]), NOT_VALID),
    "audience an object": (lambda: signed(aud={AUDIENCE: 1}), NOT_VALID),
    # Subjects.
    "sub absent": (lambda: signed(sub=None), NOT_VALID),
    "sub empty": (lambda: signed(sub=""), NO_SUBJECT),
    "sub a number": (lambda: raw(HS256, claims(sub=7)), NOT_VALID),
    "sub a list": (lambda: raw(HS256, claims(sub=["alice"])), NOT_VALID),
    "sub with NUL": (lambda: signed(sub="al\0ice"), NO_SUBJECT),
    "sub with a line feed": (lambda: signed(sub="alice\nroot"), NO_SUBJECT),
    "sub with an escape": (lambda: signed(sub="\x1b[31malice"), NO_SUBJECT),
    "sub with a C1 control": (lambda: signed(sub="alice\x85"), NO_SUBJECT),
    "sub with a lone surrogate": (lambda: signed(sub="al\ud800ice"), NO_SUBJECT),
    "sub of 256 characters": (lambda: signed(sub="a" * 256), NO_SUBJECT),
    "sub of 255 characters": (lambda: signed(sub="ä" * 255), Principal("ä" * 255)),
    "sub of 1 MB": (lambda: signed(sub="a" * 1_000_000), TOO_LONG),
    "sub twice: the last one counts, and was signed": (
        lambda: written(json.dumps(claims(sub="bob"))[:-1] + ', "sub": "alice"}'),
        ALICE,
    ),
    # Scopes.
    "scope a number": (lambda: signed(scope=7), ODD_SCOPE),
    "scope null": (lambda: with_text("scope", "null"), ODD_SCOPE),
    "scope an object": (lambda: signed(scope={"files:admin": True}), ODD_SCOPE),
    "scp with a number": (lambda: signed(scp=["files:read", 7]), ODD_SCP),
    "scope empty": (lambda: signed(scope=""), scoped()),
    "scopes unknown": (lambda: signed(scope="files:* profile"), scoped("files:*", "profile")),
    "scp a list": (lambda: signed(scp=["files:read"]), scoped("files:read")),
    "scope and scp: scope counts": (lambda: signed(scope="files:read", scp=["files:admin"]), scoped("files:read")),
    # Groups.
    "groups a list": (lambda: signed(groups=["a b", "c"]), groups_of("a b", "c")),
    "groups text": (lambda: signed(groups="a  c a"), groups_of("a", "c")),
    "groups null": (lambda: with_text("groups", "null"), ALICE),
    "groups empty": (lambda: signed(groups=[]), ALICE),
    "groups a number": (lambda: signed(groups=7), ODD_GROUPS),
    "groups an object": (lambda: signed(groups={"admins": True}), ODD_GROUPS),
    "groups with a number": (lambda: signed(groups=["a", 7]), ODD_GROUPS),
    "groups with null": (lambda: signed(groups=["a", None]), ODD_GROUPS),
    "groups with an empty name": (lambda: signed(groups=["a", ""]), ODD_GROUPS),
    "groups with NUL": (lambda: signed(groups=["a\0"]), ODD_GROUPS),
    "groups within groups": (lambda: signed(groups=[["a"]]), ODD_GROUPS),
    "a group of 256 characters": (lambda: signed(groups=["g" * 256]), ODD_GROUPS),
    "256 groups": (lambda: signed(groups=[f"g{n}" for n in range(256)]), groups_of(*(f"g{n}" for n in range(256)))),
    "257 groups": (lambda: signed(groups=[f"g{n}" for n in range(257)]), "The token names more than 256 groups."),
}  # fmt: skip


async def answer_to(tokens, token: str) -> Principal | str:
    """Whom it proves, or what is said of it."""
    try:
        return await tokens.principal_of(token)
    except Unauthenticated as error:
        return str(error)


def settings_of(**values) -> AuthSettings:
    return AuthSettings(_env_file=None, issuer=ISSUER, audience=AUDIENCE, **values)


@pytest.mark.parametrize(("token", "expected"), BY_SECRET.values(), ids=BY_SECRET)
async def test_a_token_by_the_secret_gets_its_answer(token, expected):
    """Case 93."""
    assert await answer_to(SecretTokens(settings_of(jwt_secret=SECRET)), token()) == expected


async def test_groups_are_found_under_the_name_that_is_set():
    tokens = SecretTokens(settings_of(jwt_secret=SECRET, groups_claim="https://example.com/teams"))
    token = signed(**{"https://example.com/teams": ["a"], "groups": ["b"]})
    assert await answer_to(tokens, token) == groups_of("a")


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


@pytest.fixture(scope="module")
def provider():
    """Publishes two good keys among others that must not count."""
    with serving(IdentityProvider()) as published:
        published.publish(
            RSA, EC, SHORT, P384, ENCRYPTING.jwk(use="enc"), LISTED_AS_RS512.jwk(alg="RS512"),
            {"kty": "oct", "kid": "oct", "k": base64url(b"k" * 48)}, {"kty": "RSA", "kid": "broken", "n": "!", "e": 1},
            {"kid": "nothing"}, 7,
        )  # fmt: skip
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
