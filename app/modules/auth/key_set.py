"""Gets a provider's key set (RFC 7517) and picks what may verify a token. Blocks; called in a thread.

PyJWT's own client isn't used: it forgets its keys when they get old while the provider is down, tries again at
once after a failure, makes all callers wait while it asks, and reads answers of any length.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any, TypeAlias
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from app.config.values import is_loopback

VerificationKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey
# By the key's id and its algorithm.
KeySet: TypeAlias = Mapping[tuple[str, str], VerificationKey]

MAX_BYTES = 262_144
MAX_KEYS = 100
RSA_MIN_BITS = 2048
RSA_MAX_BITS = 8192
OK = 200


class KeySetError(Exception):
    """The provider's keys can't be had or used; the message says why, for the log."""


def fetch_key_set(url: str, timeout_seconds: float) -> KeySet:
    """What the provider publishes right now.

    Raises:
        KeySetError: there was no usable answer within the time.
    """
    # Settings let nothing but HTTP(S) through.
    request = Request(url, headers={"Accept": "application/json", "User-Agent": "holdfast"})  # noqa: S310
    deadline = time.monotonic() + timeout_seconds
    content = bytearray()
    try:
        with _opener(url).open(request, timeout=timeout_seconds) as answer:
            if answer.status != OK:
                raise KeySetError(f"the provider answers {answer.status}")
            while chunk := answer.read1(65_536):
                content += chunk
                if len(content) > MAX_BYTES or time.monotonic() > deadline:
                    raise KeySetError("the answer is too long or takes too long")
    except HTTPError as error:
        error.close()
        raise KeySetError(f"the provider answers {error.code}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise KeySetError(f"{type(error).__name__}: {error}") from error
    return parse_key_set(bytes(content))


def _opener(url: str) -> OpenerDirector:
    """Without redirects and other protocols: the keys are where the operator said, or nowhere."""
    proxies = ProxyHandler({}) if is_loopback(urlsplit(url).hostname or "") else ProxyHandler()
    opener = OpenerDirector()
    for handler in (proxies, HTTPHandler(), HTTPSHandler(), HTTPErrorProcessor(), HTTPDefaultErrorHandler()):
        opener.add_handler(handler)
    return opener


def parse_key_set(content: bytes) -> KeySet:
    """The keys that may verify tokens, out of a JSON Web Key Set; others are passed over.

    Raises:
        KeySetError: it is none, or has no key that may.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise KeySetError("the answer is no JSON") from error
    items = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(items, list) or len(items) > MAX_KEYS:
        raise KeySetError(f"the answer is no key set of up to {MAX_KEYS} keys")
    keys: dict[tuple[str, str], VerificationKey] = {}
    for item in items:
        if isinstance(item, dict) and (found := _usable(item)) is not None:
            algorithm, key = found
            # The first of a name counts; a provider that names two alike means to add, not to replace.
            keys.setdefault((item["kid"], algorithm), key)
    if not keys:
        raise KeySetError(
            "the key set has no RSA key of 2048 bits or more and no P-256 key, each with a kid, to verify with"
        )
    return keys


def _usable(item: Mapping[str, Any]) -> tuple[str, VerificationKey] | None:
    """The key and its algorithm; None for anything that is no public key for signatures by RS256 or ES256."""
    kind = (item.get("kty"), item.get("crv"))
    algorithm = "RS256" if kind == ("RSA", None) else "ES256" if kind == ("EC", "P-256") else None
    operations = item.get("key_ops", ["verify"])
    is_meant_for_it = (
        algorithm is not None
        and isinstance(item.get("kid"), str)
        and item.get("alg", algorithm) == algorithm
        and item.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
    )
    if algorithm is None or not is_meant_for_it:
        return None
    try:
        key = jwt.PyJWK.from_dict(dict(item), algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    # Public ones only: a private key that was published is nobody's own any more.
    is_strong = (isinstance(key, RSAPublicKey) and RSA_MIN_BITS <= key.key_size <= RSA_MAX_BITS) or (
        isinstance(key, EllipticCurvePublicKey) and key.curve.name == "secp256r1"
    )
    return (algorithm, key) if is_strong else None
