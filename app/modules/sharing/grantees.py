"""Whom a grant is for, as a path names it: `user:<sub>` or `group:<name>`, both verbatim. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from app.modules.auth.claims import MAX_NAME_CHARACTERS, is_usable_name
from app.modules.files.models import GranteeKind

# What a byte that is no UTF-8 arrives as: nobody could tell any more which name was meant.
UNREADABLE = "\ufffd"


@dataclass(frozen=True)
class Grantee:
    """One caller, or all whose token names a group.

    Args:
        kind: which of the two.
        name: the caller's `sub` or the group's name, any characters but control codes.
    """

    kind: GranteeKind
    name: str

    @classmethod
    def parse(cls, text: str) -> Grantee:
        """Read one from its path segment, decoded.

        Raises:
            ValueError: it is of neither form, or its name is none that a token could have.
        """
        kind, colon, name = text.partition(":")
        if not colon or kind not in set(GranteeKind):
            raise ValueError("must be user:<sub> or group:<name>, percent-encoded")
        if not is_usable_name(name) or UNREADABLE in name:
            raise ValueError(
                f"must name somebody by 1 to {MAX_NAME_CHARACTERS} characters of UTF-8 without control codes"
            )
        return cls(GranteeKind(kind), name)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"
