"""Tokens for the few calls that stock Uppy makes to us without a credential of its own.

Each is worth one operation on one upload of one caller, for minutes.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from uuid import UUID

import jwt

from app.core.clock import utc_now
from app.core.exceptions import Forbidden, Unauthenticated
from app.core.signing_secret import SigningSecret
from app.modules.auth.principal import Principal, Scope

ALGORITHM = "HS256"
# The plugin asks for a new address before every call; what it repeats, it repeats within seconds.
TTL_SECONDS = 600
MAX_TOKEN_CHARACTERS = 4_096


class Operation(StrEnum):
    """What an address of ours does with an upload."""

    CREATE = "create"
    LIST = "list"
    COMPLETE = "complete"
    ABORT = "abort"


class ControlTokens:
    """Makes and checks them.

    Args:
        secret: shared by all workers. The key is derived from it, so that no such token is taken for a
            credential, nor a credential for one.
    """

    def __init__(self, secret: SigningSecret) -> None:
        self._secret = secret

    async def ready(self) -> None:
        """Load the secret, before tokens are made or checked.

        Raises:
            DatabaseUnavailable: it is in the registry, which can't be asked.
        """
        await self._secret.load()

    @property
    def _key(self) -> bytes:
        return self._secret.key_for("uppy")

    def issue(
        self, principal: Principal, file_id: UUID, operation: Operation, *, ttl_seconds: int = TTL_SECONDS
    ) -> str:
        """A token with which anybody may do `operation` as `principal`, with nothing but this upload.

        It ends with the credential that the caller has shown. Whether an API key was revoked since, `check` can't
        tell: who takes the token asks.
        """
        end = utc_now() + timedelta(seconds=ttl_seconds)
        claims = {
            "sub": principal.require(Scope.WRITE),
            "admin": principal.is_admin,
            "read": principal.may_read,
            "file": file_id.hex,
            "op": operation,
            "exp": end if principal.ends_at is None else min(end, principal.ends_at),
            **({} if principal.key_id is None else {"key": principal.key_id.hex}),
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)

    def check(self, token: str, file_id: UUID, operation: Operation) -> Principal:
        """The caller for whom the token was made, with the id of the key that it had then.

        Raises:
            Unauthenticated: there is none, it has expired, or it is not one of ours.
            Forbidden: it was made for another upload or operation.
        """
        if not 0 < len(token) <= MAX_TOKEN_CHARACTERS:
            raise Unauthenticated("The address carries no token; have it signed.")
        try:
            claims = jwt.decode(token, self._key, algorithms=[ALGORITHM], options={"require": ["exp", "sub"]})
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("The address has expired; have it signed again.") from error
        except (jwt.InvalidTokenError, ValueError) as error:
            raise Unauthenticated("The address's token is not valid; have it signed again.") from error
        if (claims.get("file"), claims.get("op")) != (file_id.hex, operation):
            raise Forbidden("The address's token was made for something else.")
        scopes = {Scope.WRITE}
        scopes |= {Scope.ADMIN} if claims.get("admin") else set()
        scopes |= {Scope.READ} if claims.get("read") else set()
        key_id = UUID(claims["key"]) if "key" in claims else None
        return Principal(claims["sub"], frozenset(scopes), key_id=key_id)
