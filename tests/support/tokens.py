"""Tokens for tests: good ones, and ones put together by hand as no library would."""

from __future__ import annotations

import base64
import hmac
import json
import time

import jwt

from tests.support.service import SECRET

ISSUER, AUDIENCE = "https://login.example.com", "holdfast"
GOOD = {"sub": "alice", "iss": ISSUER, "aud": AUDIENCE}


def claims(**changes) -> dict:
    """Good claims with some changed; None takes one out."""
    merged = GOOD | {"exp": int(time.time()) + 600} | changes
    return {name: value for name, value in merged.items() if value is not None}


def signed(*, key: object = SECRET, algorithm: str = "HS256", header: dict | None = None, **changes) -> str:
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers=header)


def raw(header: object, payload: object, signature: bytes | None = None) -> str:
    """A token put together by hand, as PyJWT would refuse to; rightly signed unless told otherwise."""
    parts = [item if isinstance(item, bytes) else json.dumps(item).encode() for item in (header, payload)]
    signed_part = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    found = hmac.digest(SECRET.encode(), signed_part, "sha256") if signature is None else signature
    return f"{signed_part.decode()}.{base64.urlsafe_b64encode(found).rstrip(b'=').decode()}"
