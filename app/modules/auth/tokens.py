"""JSON Web Tokens: one family of algorithms a deployment, its own by a secret or a provider's by its published keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import jwt

from app.config import AuthSettings
from app.core.clock import utc_now
from app.core.exceptions import Unauthenticated
from app.modules.auth.claims import principal_of
from app.modules.auth.principal import DEFAULT_SCOPES, Principal
from app.modules.auth.provider_keys import ProviderKeys, VerificationKey

ALGORITHM = "HS256"
PROVIDER_ALGORITHMS = ("RS256", "ES256")
LEEWAY_SECONDS = 30
MAX_TOKEN_CHARACTERS = 8_192
MAX_KEY_ID_CHARACTERS = 255
NOT_VALID = "The token is not valid."


class Tokens(Protocol):
    """Whoever can tell whose token that is."""

    async def principal_of(self, token: str) -> Principal:
        """The caller that the token proves.

        Raises:
            Unauthenticated: it proves nobody.
        """


class SecretTokens:
    """Tokens signed with `AUTH_JWT_SECRET` by HS256: made for scripts and tests, checked for everybody.

    Args:
        settings: secret, issuer, audience, the claim that names groups.
    """

    def __init__(self, settings: AuthSettings) -> None:
        self._settings = settings

    async def principal_of(self, token: str) -> Principal:
        """As of `Tokens`; no I/O."""
        _header_of(token, (ALGORITHM,))
        if self._settings.jwt_secret is None:
            raise Unauthenticated(NOT_VALID)
        return _checked(token, self._settings.jwt_secret.get_secret_value(), ALGORITHM, self._settings)

    def issue(self, subject: str, *, ttl_seconds: int, scopes: frozenset[str] = DEFAULT_SCOPES) -> str:
        """A token for `subject`, valid for `ttl_seconds`.

        Raises:
            ValueError: no secret is set.
        """
        if self._settings.jwt_secret is None:
            raise ValueError("AUTH_JWT_SECRET is not set, so no token can be signed")
        now = utc_now()
        claims = {
            "sub": subject,
            "iat": now,
            "exp": now + timedelta(seconds=ttl_seconds),
            "scope": " ".join(sorted(scopes)),
        }
        if self._settings.issuer:
            claims["iss"] = self._settings.issuer
        if self._settings.audience:
            claims["aud"] = self._settings.audience
        return jwt.encode(claims, self._settings.jwt_secret.get_secret_value(), algorithm=ALGORITHM)


class ProviderTokens:
    """Tokens of an identity provider, by RS256 or ES256.

    Args:
        settings: issuer, audience, the claim that names groups.
        keys: what the provider signs with.
    """

    def __init__(self, settings: AuthSettings, keys: ProviderKeys) -> None:
        self._settings = settings
        self._keys = keys

    async def principal_of(self, token: str) -> Principal:
        """As of `Tokens`; asks the provider only for keys that are not known yet, and seldom.

        Raises:
            Unauthenticated: the token proves nobody.
            AuthenticationUnavailable: the provider doesn't answer, and no usable key of it is known.
        """
        header = _header_of(token, PROVIDER_ALGORITHMS)
        key_id, algorithm = header.get("kid"), header["alg"]
        # A name to look up in a dictionary and nothing else: never a path, an address or part of a query.
        if not isinstance(key_id, str) or not 0 < len(key_id) <= MAX_KEY_ID_CHARACTERS:
            raise Unauthenticated("The token doesn't name the key (kid) that signed it.")
        key = await self._keys.find(key_id, algorithm)
        if key is None:
            raise Unauthenticated(NOT_VALID)
        return _checked(token, key, algorithm, self._settings)


def _header_of(token: str, algorithms: tuple[str, ...]) -> Mapping[str, Any]:
    """The header of a token that is worth looking for its key.

    Keys, certificates and addresses in it are not looked at, whatever it says.
    """
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise Unauthenticated("The token is too long.")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, ValueError) as error:
        raise Unauthenticated(NOT_VALID) from error
    # Nobody marks as critical what we know: `crit` names extensions, and we have none.
    if header.get("alg") not in algorithms or "crit" in header:
        raise Unauthenticated(NOT_VALID)
    return header


def _checked(token: str, key: str | VerificationKey, algorithm: str, settings: AuthSettings) -> Principal:
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=settings.issuer,
            audience=settings.audience,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "sub"], "verify_aud": settings.audience is not None},
        )
    except jwt.ExpiredSignatureError as error:
        raise Unauthenticated("The token has expired; get a new one.") from error
    except (jwt.InvalidTokenError, ValueError) as error:
        raise Unauthenticated(NOT_VALID) from error
    principal = principal_of(claims, settings.groups_claim, settings.groups_separator_text)
    return replace(principal, ends_at=datetime.fromtimestamp(claims["exp"] + LEEWAY_SECONDS, UTC))
