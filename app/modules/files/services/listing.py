"""Lists the caller's files and folders, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

from app.core.database import Database
from app.core.exceptions import Forbidden
from app.core.pagination import CursorSigner
from app.modules.auth.principal import Principal, Scope
from app.modules.files.listing_repository import FolderTotals, Key, ListingFilter, ListingRepository, ListingSort
from app.modules.files.models import FileUpload

Item = TypeVar("Item")


@dataclass(frozen=True)
class Page(Generic[Item]):
    """A piece of a listing, and the cursor of the next one."""

    items: Sequence[Item]
    next_cursor: str | None


class ListingService:
    """Answers which files and folders there are."""

    def __init__(self, database: Database, cursors: CursorSigner) -> None:
        self._database = database
        self._cursors = cursors

    async def files(
        self, principal: Principal, criteria: ListingFilter, sort: ListingSort, *, cursor: str | None, limit: int
    ) -> Page[FileUpload]:
        """The caller's files; for an admin everybody's, or one owner's; or those that others granted to the caller.

        Raises:
            Forbidden: `criteria` name an owner, and the caller is no admin.
            InvalidCursor: `cursor` belongs to another query.
        """
        _require_own(principal, criteria.owner_id)
        query = {**asdict(criteria), "sort": sort, **_bound_to(principal)}
        if criteria.is_shared:
            query["groups"] = sorted(principal.groups)
        await self._cursors.ready()
        # The signature says that this very query made it, with these types.
        after = cast("tuple[Key, UUID] | None", self._cursors.decode(cursor, query) if cursor else None)
        async with self._database.transaction() as session:
            found = await ListingRepository(session).page(principal, criteria, sort, after=after, limit=limit + 1)
        files = [listed.file for listed in found[:limit]]
        last = found[limit - 1] if len(found) > limit else None
        return Page(files, self._cursors.encode((last.key, last.file.id), query) if last else None)

    async def folders(
        self, principal: Principal, parent: str, *, owner_id: str | None, cursor: str | None, limit: int
    ) -> Page[FolderTotals]:
        """The folders directly below `parent` with what they hold; for an admin everybody's, or one owner's.

        Raises:
            Forbidden: an owner is named, and the caller is no admin.
            InvalidCursor: `cursor` belongs to another query.
        """
        _require_own(principal, owner_id)
        await self._cursors.ready()
        query = {"parent": parent, "owner_id": owner_id, "sort": "folder", **_bound_to(principal)}
        [after] = cast("tuple[str]", self._cursors.decode(cursor, query)) if cursor else [None]
        async with self._database.transaction() as session:
            found = await ListingRepository(session).folders(principal, owner_id, parent, after=after, limit=limit + 1)
        items = found[:limit]
        return Page(items, self._cursors.encode((items[-1].folder,), query) if len(found) > limit else None)


def _require_own(principal: Principal, owner_id: str | None) -> None:
    principal.require(Scope.READ)
    if owner_id is not None and not principal.is_admin:
        raise Forbidden("Only callers with the scope files:admin may ask for an owner's files by owner_id.")


def _bound_to(principal: Principal) -> dict[str, Any]:
    return {"caller": principal.subject, "all": principal.is_admin}
