"""What a token says, read strictly: an odd claim under a good signature is refused by name, not guessed at. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from app.core.exceptions import Unauthenticated
from app.core.text import require_storable
from app.modules.auth.principal import DEFAULT_SCOPES, Principal

MAX_NAME_CHARACTERS = 255
MAX_GROUPS = 256
# The end of the year 9999. Beyond it lie milliseconds taken for seconds, and tokens that would never end.
LATEST_MOMENT = 253_402_300_799
MOMENTS = ("exp", "nbf", "iat")


def principal_of(claims: Mapping[str, Any], groups_claim: str, groups_separator: str | None = None) -> Principal:
    """The caller that a token's claims name, once its signature and its times were found good.

    Args:
        claims: all that the token says.
        groups_claim: the name of the claim that names groups.
        groups_separator: what stands between the groups of a text; None takes the whole text for one name.

    Raises:
        Unauthenticated: a claim is of a kind that nobody should sign; the detail names it.
    """
    for name in MOMENTS:
        _require_moment(name, claims)
    return Principal(_subject(claims.get("sub")), _scopes(claims), _groups(claims.get(groups_claim), groups_separator))


def is_usable_name(value: object) -> bool:
    """Whether it can be the name of a subject or a group: not empty, not endless, storable, without control codes."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME_CHARACTERS:
        return False
    try:
        require_storable(value)
    except ValueError:
        return False
    return not any(unicodedata.category(character) == "Cc" for character in value)


def _require_moment(name: str, claims: Mapping[str, Any]) -> None:
    if name not in claims:
        return
    value = claims[name]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # Neither NaN nor infinity, which Python's JSON knows, lies in this range.
    if not is_number or not 0 <= value <= LATEST_MOMENT:
        raise Unauthenticated(f"The token's {name} is no number of seconds since 1970.")


def _subject(value: object) -> str:
    if not isinstance(value, str) or not is_usable_name(value):
        raise Unauthenticated("The token names no usable subject.")
    return value


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """Absent means read and write; present means exactly what it says."""
    name = "scope" if "scope" in claims else "scp"
    if name not in claims:
        return DEFAULT_SCOPES
    value = claims[name]
    if isinstance(value, str):
        return frozenset(value.split())
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return frozenset(value)
    raise Unauthenticated(f"The token's {name} is neither text nor a list of words.")


def _groups(value: object, separator: str | None) -> frozenset[str]:
    """Absent, null and an empty text mean none: no group only ever takes away.

    A text is split only where the operator says so: the words of a name such as `friends of finance` are no groups.
    """
    if value is None:
        return frozenset()
    names = _names_in(value, separator) if isinstance(value, str) else value
    if isinstance(names, list) and len(names) > MAX_GROUPS:
        raise Unauthenticated(f"The token names more than {MAX_GROUPS} groups.")
    if not isinstance(names, list) or not all(map(is_usable_name, names)):
        raise Unauthenticated(
            f"The token's groups are neither text nor a list of names of up to {MAX_NAME_CHARACTERS} characters."
        )
    return frozenset(names)


def _names_in(text: str, separator: str | None) -> list[str]:
    names = [text] if separator is None else [name.strip() for name in text.split(separator)]
    return [name for name in names if name]
