"""Forged and odd tokens by the secret, each with its answer: whom it proves, or what is said of it.

The tables are tried on the functions that judge tokens (`tests/unit/auth`) and on the service
(`tests/integration/hostile`).
"""

from __future__ import annotations

import base64
import json
import time

from app.config import AuthSettings
from app.core.exceptions import Unauthenticated
from app.modules.auth.principal import DEFAULT_SCOPES, Principal
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


def settings_of(**values) -> AuthSettings:
    return AuthSettings(_env_file=None, issuer=ISSUER, audience=AUDIENCE, **values)


async def answer_to(tokens, token: str) -> Principal | str:
    """Whom it proves, or what is said of it."""
    try:
        return await tokens.principal_of(token)
    except Unauthenticated as error:
        return str(error)


def swapped() -> str:
    """Another payload under the signature of a good token."""
    header, _, signature = signed().split(".")
    return f"{header}.{raw({}, claims(sub='root')).split('.')[1]}.{signature}"


# What it is: the token, and whom it proves or what is said of it.
BY_SECRET = {
    # Algorithms.
    "alg none": (lambda: raw({"alg": "none"}, claims(), b""), NOT_VALID),
    "alg None in capitals": (lambda: raw({"alg": "NONE"}, claims(), b""), NOT_VALID),
    "alg none, rightly signed": (lambda: raw({"alg": "none"}, claims()), NOT_VALID),
    "alg none, with some signature": (lambda: raw({"alg": "none"}, claims(), b"signature"), NOT_VALID),
    "alg that nobody knows": (lambda: raw({"alg": "HS1"}, claims()), NOT_VALID),
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
    "jku of another's keys": (
        lambda: signed(key="x" * 48, header={"jku": "https://evil.example.com/keys"}), NOT_VALID
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
    "a signature cut short": (lambda: signed()[:-4], NOT_VALID),
    "another payload under the signature": (swapped, NOT_VALID),
    "another secret": (lambda: signed(key="x" * 48), NOT_VALID),
    "the secret and one letter": (lambda: signed(key=SECRET + "x"), NOT_VALID),
    "one character more than 8 KiB": (lambda: "a" * 8_193, TOO_LONG),
    "1 MB, rightly signed": (lambda: signed(padding="x" * 1_000_000), TOO_LONG),
    "a token within a token": (lambda: written(json.dumps(signed())), NOT_VALID),
    "a token as payload": (lambda: written(signed()), NOT_VALID),
    "claims no JSON": (lambda: raw(HS256, b"{"), NOT_VALID),
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
    "no issuer": (lambda: signed(iss=None), NOT_VALID),
    "no audience": (lambda: signed(aud=None), NOT_VALID),
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
    "groups text": (lambda: signed(groups="friends of finance"), groups_of("friends of finance")),
    "groups empty text": (lambda: signed(groups=""), ALICE),
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
