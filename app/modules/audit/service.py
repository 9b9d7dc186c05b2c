"""Shows the journal to those who may see all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import cast

from app.core.audit import AuditEntry
from app.core.database import Database
from app.core.exceptions import Forbidden
from app.core.pagination import CursorSigner
from app.modules.audit.repository import AuditFilter, AuditRepository, Position
from app.modules.auth.principal import Principal, Scope


@dataclass(frozen=True)
class AuditPage:
    """A piece of the journal, and the cursor of the next one."""

    items: Sequence[AuditEntry]
    next_cursor: str | None


class AuditService:
    """Answers who did what."""

    def __init__(self, database: Database, cursors: CursorSigner) -> None:
        self._database = database
        self._cursors = cursors

    async def page(self, principal: Principal, criteria: AuditFilter, *, cursor: str | None, limit: int) -> AuditPage:
        """Entries, newest first.

        Raises:
            Forbidden: the caller is no admin; not even an owner sees who else touched a file.
            InvalidCursor: `cursor` belongs to another query.
        """
        principal.require(Scope.READ)
        if not principal.is_admin:
            raise Forbidden("Only callers with the scope files:admin may read the audit journal.")
        await self._cursors.ready()
        query = {"audit": asdict(criteria), "caller": principal.subject}
        after = cast("Position | None", self._cursors.decode(cursor, query) if cursor else None)
        async with self._database.transaction() as session:
            found = await AuditRepository(session).page(criteria, after=after, limit=limit + 1)
        items = found[:limit]
        more = len(found) > limit
        return AuditPage(items, self._cursors.encode((items[-1].at, items[-1].id), query) if more else None)
