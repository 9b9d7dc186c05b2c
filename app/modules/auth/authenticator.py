"""Turns what a request carries into a principal: by a token or an API key, and by nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.exceptions import Unauthenticated
from app.modules.auth.key_service import KeyService
from app.modules.auth.key_text import MARK, read_key_text
from app.modules.auth.principal import ANONYMOUS, LOCAL, Principal
from app.modules.auth.tokens import Tokens


class Authenticator:
    """Who is calling.

    Args:
        tokens: tells whose token it is; None where sign-in is off and everybody is `local`.
        keys: tells whose API key it is.
    """

    def __init__(self, tokens: Tokens | None, keys: KeyService) -> None:
        self._tokens = tokens
        self._keys = keys

    def may_ask_in_vain(self, headers: Sequence[str]) -> bool:
        """Whether the headers show an API key that has to be looked up and hasn't been found good before."""
        if self._tokens is None or len(headers) != 1:
            return False
        scheme, _, credential = headers[0].partition(" ")
        shown = read_key_text(credential.strip(" "))
        return scheme.lower() == "bearer" and shown is not None and not self._keys.was_good(shown)

    async def authenticate(self, headers: Sequence[str]) -> Principal:
        """The caller that the `Authorization` headers of a request prove; `ANONYMOUS` without any.

        Raises:
            Unauthenticated: there is one, but it proves nobody, or there are two.
            AuthenticationUnavailable: the identity provider doesn't answer, so nobody can tell.
        """
        if self._tokens is None:
            return LOCAL
        if not headers:
            return ANONYMOUS
        scheme, _, credential = headers[0].partition(" ")
        credential = credential.strip(" ")
        # Of two, a proxy in front might have looked at the other one.
        if len(headers) > 1 or scheme.lower() != "bearer" or not credential:
            raise Unauthenticated
        if not credential.startswith(MARK):
            return await self._tokens.principal_of(credential)
        shown = read_key_text(credential)
        if shown is None:
            raise Unauthenticated("The API key is not valid.")
        return await self._keys.principal_of(shown)
