"""What can go wrong with credentials, beside a caller that nobody knows."""

from __future__ import annotations

from app.core.exceptions import Conflict, NotFound, Unavailable


class AuthenticationUnavailable(Unavailable):
    """The identity provider's keys can't be had, so nobody can say whether a token is good."""

    code = "authentication_unavailable"
    detail = "Tokens can't be checked right now, as the identity provider doesn't answer; try again in a few seconds."


class KeyNotFound(NotFound):
    """No such API key, or not one of this caller's."""

    code = "key_not_found"
    detail = "There is no such API key."


class TooManyKeys(Conflict):
    """The owner has as many keys in use as anybody may have."""

    title, code = "Too many API keys", "too_many_keys"
