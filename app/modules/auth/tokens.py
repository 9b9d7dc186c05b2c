"""JSON Web Tokens: made for scripts and tests, verified for everybody."""

from __future__ import annotations

from datetime import timedelta

import jwt

from app.config import AuthSettings
from app.core.clock import utc_now
from app.core.exceptions import Unauthenticated
from app.core.text import require_storable
from app.modules.auth.principal import ANONYMOUS, DEFAULT_SCOPES, LOCAL, Principal

ALGORITHM = "HS256"
LEEWAY_SECONDS = 30
MAX_TOKEN_CHARACTERS = 8_192
MAX_SUBJECT_CHARACTERS = 255


class Authenticator:
    """Turns an Authorization header into a principal.

    Args:
        settings: secret, issuer, audience; with `enabled` off everybody is `local`.
    """

    def __init__(self, settings: AuthSettings) -> None:
        self._settings = settings

    def authenticate(self, header: str | None) -> Principal:
        """The caller that the header proves; `ANONYMOUS` without a header.

        Raises:
            Unauthenticated: there is a header, but it proves nobody.
        """
        if not self._settings.enabled:
            return LOCAL
        if header is None:
            return ANONYMOUS
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated
        return self._principal_of(token.strip())

    def _principal_of(self, token: str) -> Principal:
        if len(token) > MAX_TOKEN_CHARACTERS or self._settings.jwt_secret is None:
            raise Unauthenticated("The token is not valid.")
        try:
            claims = jwt.decode(
                token,
                self._settings.jwt_secret.get_secret_value(),
                algorithms=[ALGORITHM],
                issuer=self._settings.issuer,
                audience=self._settings.audience,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "sub"], "verify_aud": self._settings.audience is not None},
            )
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("The token has expired; get a new one.") from error
        except (jwt.InvalidTokenError, ValueError) as error:
            raise Unauthenticated("The token is not valid.") from error
        return Principal(_subject(claims.get("sub")), _scopes(claims))

    def issue(self, subject: str, *, ttl_seconds: int, scopes: frozenset[str] = DEFAULT_SCOPES) -> str:
        """A token for `subject`, valid for `ttl_seconds`.

        Raises:
            ValueError: sign-in is off, or no secret is set.
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


def _subject(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_SUBJECT_CHARACTERS:
        raise Unauthenticated("The token names no usable subject.")
    try:
        require_storable(value)
    except ValueError as error:
        raise Unauthenticated("The token names no usable subject.") from error
    return value


def _scopes(claims: dict[str, object]) -> frozenset[str]:
    """Absent means read and write; present means exactly what it says."""
    value = claims.get("scope", claims.get("scp"))
    if value is None:
        return DEFAULT_SCOPES
    if isinstance(value, str):
        return frozenset(value.split())
    if isinstance(value, list):
        return frozenset(str(item) for item in value)
    raise Unauthenticated("The token's scope is neither text nor a list.")
