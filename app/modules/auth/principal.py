"""The one who calls, as every service method takes it first."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from app.core.audit import Actor
from app.core.exceptions import Forbidden, Unauthenticated


class Scope(StrEnum):
    """What a credential may be used for."""

    READ = "files:read"
    WRITE = "files:write"
    ADMIN = "files:admin"


DEFAULT_SCOPES = frozenset({Scope.READ, Scope.WRITE})


@dataclass(frozen=True)
class Principal:
    """A caller.

    Args:
        subject: the token's `sub`, verbatim; None for a caller without a credential.
        scopes: what the credential says exactly; `files:admin` implies the other two.
        groups: the groups that the token names, verbatim; a caller with an API key is in none.
        key_id: the API key that was shown; None for a token.
        ends_at: until when the credential is accepted; None if it has no end.
    """

    subject: str | None
    scopes: frozenset[str] = DEFAULT_SCOPES
    groups: frozenset[str] = frozenset()
    key_id: UUID | None = None
    # The same caller with a newer token is the same.
    ends_at: datetime | None = field(default=None, compare=False)

    @property
    def is_admin(self) -> bool:
        """Whether this caller may act on everybody's files."""
        return Scope.ADMIN in self.scopes

    @property
    def may_read(self) -> bool:
        """Whether the credential may be used for reading; one that may only write is shown no stored data."""
        return Scope.READ in self.scopes or self.is_admin

    @property
    def actor(self) -> Actor:
        """The caller as the journal names it, within its request."""
        return Actor.calling(self.subject or "", self.key_id)

    def require(self, scope: Scope) -> str:
        """The caller's own name, if it may do what `scope` stands for.

        Raises:
            Unauthenticated: there is no credential.
            Forbidden: the credential does not carry the scope.
        """
        if self.subject is None:
            raise Unauthenticated
        if scope not in self.scopes and not self.is_admin:
            raise Forbidden(f"This credential lacks the scope {scope}.")
        return self.subject


ANONYMOUS = Principal(subject=None, scopes=frozenset())
LOCAL = Principal(subject="local")
