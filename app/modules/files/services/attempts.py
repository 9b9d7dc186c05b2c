"""Changing a file as a caller: what it may not, the journal tells."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import Action, Result, record
from app.core.database import Database
from app.core.exceptions import Forbidden
from app.modules.auth.principal import Principal, Scope
from app.modules.files.repository import FileRepository


@asynccontextmanager
async def attempt(
    database: Database, principal: Principal, action: Action, file_id: UUID
) -> AsyncIterator[AsyncSession]:
    """A transaction in which a caller changes a file; if it may not, the journal says so.

    That entry needs a transaction of its own, as this one is undone. None is written for a file that the
    caller doesn't even see: nobody shall fill the journal with ids that don't exist.

    Raises:
        Forbidden: the credential can't write at all, of which the journal says nothing.
    """
    principal.require(Scope.WRITE)
    try:
        async with database.transaction() as session:
            yield session
    except Forbidden:
        async with database.transaction() as session:
            seen = await FileRepository(session).readable(principal, file_id)
            if seen is not None:
                record(session, principal.actor, action, file_id=file_id, owner_id=seen.owner_id, result=Result.DENIED)
        raise
