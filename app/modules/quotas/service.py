"""Quotas: told to owners, set by admins."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from app.config import QuotaSettings
from app.core.audit import Action, record
from app.core.database import Database
from app.core.exceptions import Forbidden
from app.modules.auth.principal import Principal, Scope
from app.modules.quotas.models import NO_LIMIT
from app.modules.quotas.repository import OwnedTotals, QuotaRepository


class Usual(Enum):
    """The limit that the settings give."""

    LIMIT = "the default"


# A number, None for no limit at all, or whatever the settings say.
Limit = int | None | Usual


@dataclass(frozen=True)
class Usage:
    """What an owner has and may have; a limit of None is none.

    `size_bytes` and `files` are those of available and soft-deleted files; what is reserved is on its way.
    """

    owner_id: str
    size_bytes: int
    files: int
    reserved_bytes: int
    reserved_files: int
    max_bytes: int | None
    max_files: int | None


class QuotaService:
    """Tells and sets quotas.

    Args:
        database: the registry.
        settings: the limits of owners that have none of their own.
    """

    def __init__(self, database: Database, settings: QuotaSettings) -> None:
        self._database = database
        self._settings = settings

    async def usage(self, principal: Principal, owner_id: str | None = None) -> Usage:
        """What the caller has, or for an admin what anybody has.

        Raises:
            Forbidden: the caller names somebody else and is no admin.
        """
        caller = principal.require(Scope.READ)
        owner = owner_id or caller
        if owner != caller and not principal.is_admin:
            raise Forbidden("Only callers with the scope files:admin may ask for an owner's usage by owner_id.")
        async with self._database.transaction() as session:
            return self._shown(owner, await QuotaRepository(session).totals(owner))

    async def set_limits(self, principal: Principal, owner_id: str, *, max_bytes: Limit, max_files: Limit) -> Usage:
        """Give an owner limits of its own, in place of those that it had. Who has more already keeps it.

        Raises:
            Forbidden: the caller is no admin.
        """
        principal.require(Scope.ADMIN)
        async with self._database.transaction() as session:
            quotas = QuotaRepository(session)
            await quotas.set_limits(owner_id, max_bytes=_kept(max_bytes), max_files=_kept(max_files))
            details = {"max_bytes": _told(max_bytes), "max_files": _told(max_files)}
            record(session, principal.actor, Action.QUOTA_OVERRIDE, owner_id=owner_id, details=details)
            return self._shown(owner_id, await quotas.totals(owner_id))

    async def drop_limits(self, principal: Principal, owner_id: str) -> None:
        """Let the settings decide about an owner again; once or often.

        Raises:
            Forbidden: the caller is no admin.
        """
        principal.require(Scope.ADMIN)
        async with self._database.transaction() as session:
            await QuotaRepository(session).drop_limits(owner_id)
            details = {"max_bytes": _told(Usual.LIMIT), "max_files": _told(Usual.LIMIT)}
            record(session, principal.actor, Action.QUOTA_OVERRIDE, owner_id=owner_id, details=details)

    def _shown(self, owner_id: str, totals: OwnedTotals) -> Usage:
        return Usage(
            owner_id=owner_id,
            size_bytes=totals.bytes,
            files=totals.files,
            reserved_bytes=totals.reserved_bytes,
            reserved_files=totals.reserved_files,
            max_bytes=_effective(totals.max_bytes, self._settings.max_bytes),
            max_files=_effective(totals.max_files, self._settings.max_files),
        )


def _kept(limit: Limit) -> int | None:
    """As the database keeps it."""
    if isinstance(limit, Usual):
        return None
    return NO_LIMIT if limit is None else limit


def _told(limit: Limit) -> int | str | None:
    """As the journal tells it."""
    return "default" if isinstance(limit, Usual) else limit


def _effective(own: int | None, usual: int | None) -> int | None:
    limit = usual if own is None else own
    return None if limit == NO_LIMIT else limit
