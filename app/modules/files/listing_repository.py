"""The queries behind listings: pages by keyset in any order, and the sums of sub-folders.

Every one is built to be read from an index: what a listing sorts or searches by are columns that the
database keeps (`models`), equal keys are told apart by the id, and a page is cut out before anything is
joined to it. Names are sorted without regard to case and else by their bytes ("10" before "9", "Ä" behind
"z"): an order by locale looks nicer, but changes with the system's libraries and would break both the
index and every cursor that is out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Select,
    String,
    and_,
    cast,
    func,
    literal,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased, joinedload

from app.core.pagination import PLAN_FOR_PAGES
from app.modules.auth.principal import Principal
from app.modules.files.models import FileStatus, FileUpload
from app.modules.files.visibility import has_status, listed_for, ways_to_have

# What ends a segment in `FileUpload.folder_path`, and what comes right behind it.
SEGMENT_END, BEHIND_SEGMENT = "\x01", "\x02"
Key = datetime | str | int


class ListingSort(StrEnum):
    """The orders of a listing; within equal values the id decides, in the same direction."""

    OLDEST = "created_at"
    NEWEST = "-created_at"
    NAME = "filename"
    NAME_DOWN = "-filename"
    SMALLEST = "file_size"
    LARGEST = "-file_size"

    @property
    def is_descending(self) -> bool:
        """Whether large values come first."""
        return self.value.startswith("-")

    @property
    def column(self) -> InstrumentedAttribute[Any]:
        """What is compared; never null."""
        return _KEYS[self.value.removeprefix("-")]


_KEYS: Mapping[str, InstrumentedAttribute[Any]] = {
    "created_at": FileUpload.created_at,
    "filename": FileUpload.name_key,
    "file_size": FileUpload.size_key,
}


@dataclass(frozen=True)
class ListingFilter:
    """Which files a listing holds; None leaves a thing open.

    Args:
        folder: exactly this one, empty for the root.
        prefix: this folder and all below it.
        text: stands somewhere in the filename or the description, whatever the case of its letters.
        content_type: lower-case; `image/*` takes the family.
        owner_id: only admins see another's files, so only they may ask.
        created_after: at this time or later.
        created_before: earlier than this.
        min_size: in bytes; a file whose size isn't known yet is outside of every range.
        max_size: see `min_size`.
        metadata: what a file's metadata contains, as PostgreSQL's `@>` understands it.
        is_shared: what others granted to the caller or its groups, instead of its own.
    """

    status: FileStatus = FileStatus.AVAILABLE
    folder: str | None = None
    prefix: str | None = None
    text: str | None = None
    content_type: str | None = None
    is_public: bool | None = None
    owner_id: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    min_size: int | None = None
    max_size: int | None = None
    metadata: Mapping[str, Any] | None = None
    is_shared: bool = False


class ListedFile(NamedTuple):
    """A file, and where it stands in its listing."""

    file: FileUpload
    key: Key


class FolderTotals(NamedTuple):
    """A folder with the available files in it and below it."""

    folder: str
    file_count: int
    total_bytes: int


def page_statement(
    principal: Principal,
    criteria: ListingFilter,
    sort: ListingSort,
    *,
    after: tuple[Key, UUID] | None,
    limit: int,
) -> Select[Any]:
    """Up to `limit` files of the caller (of everybody, for an admin; of others, if shared) with keys and objects."""
    key = sort.column
    mine = listed_for(principal, criteria.owner_id, is_shared=criteria.is_shared)
    conditions = [mine, *conditions_of(criteria)]
    if after is not None:
        place = tuple_(key, FileUpload.id)
        position = tuple_(literal(after[0], key.type), literal(after[1], FileUpload.id.type))
        conditions.append(place < position if sort.is_descending else place > position)
    columns = [column for column in FileUpload.__table__.columns if column.name != FileUpload.search_text.key]
    # Each way to have the status has its own index; their pages are merged into one.
    pages = [
        select(*columns).where(way, *conditions).order_by(*_order(sort, key, FileUpload.id)).limit(limit)
        for way in ways_to_have(criteria.status)
    ]
    page = (pages[0] if len(pages) == 1 else union_all(*pages)).subquery("page")
    file = aliased(FileUpload, page)
    query = select(file, page.c[key.key]).options(joinedload(file.current_object))
    return query.order_by(*_order(sort, page.c[key.key], page.c.id)).limit(limit)


def _order(sort: ListingSort, *columns: Any) -> list[ColumnElement[Any]]:  # noqa: ANN401 -- columns of two kinds
    return [column.desc() if sort.is_descending else column.asc() for column in columns]


def conditions_of(criteria: ListingFilter) -> list[ColumnElement[bool]]:
    """What the filters ask for, all but the status and the owner."""
    conditions = _lies_within(criteria)
    if criteria.text is not None:
        pattern = "%" + criteria.text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
        conditions.append(FileUpload.search_text.like(func.lower(func.upper(pattern))))
    if criteria.content_type is not None:
        family, _, kind = criteria.content_type.partition("/")
        conditions.append(
            FileUpload.content_type.startswith(f"{family}/", autoescape=True)
            if kind == "*"
            else FileUpload.content_type == criteria.content_type
        )
    if criteria.is_public is not None:
        conditions.append(FileUpload.is_public.is_(criteria.is_public))
    if criteria.metadata is not None:
        conditions.append(FileUpload.attributes.contains(criteria.metadata))
    return conditions


def _lies_within(criteria: ListingFilter) -> list[ColumnElement[bool]]:
    """The conditions that are ranges: of folders, times and sizes."""
    ranges: list[ColumnElement[bool]] = []
    if criteria.folder is not None:
        ranges.append(FileUpload.folder_path == path_of(criteria.folder))
    if criteria.prefix:
        ranges.append(FileUpload.folder_path >= path_of(criteria.prefix))
        ranges.append(FileUpload.folder_path < path_behind(criteria.prefix))
    if criteria.created_after is not None:
        ranges.append(FileUpload.created_at >= criteria.created_after)
    if criteria.created_before is not None:
        ranges.append(FileUpload.created_at < criteria.created_before)
    if criteria.min_size is not None or criteria.max_size is not None:
        ranges.append(FileUpload.size_key >= (criteria.min_size or 0))
    if criteria.max_size is not None:
        ranges.append(FileUpload.size_key <= criteria.max_size)
    return ranges


def path_of(folder: str) -> str:
    """A folder as `FileUpload.folder_path` has it; those of all folders below begin with it."""
    return folder.replace("/", SEGMENT_END) + SEGMENT_END if folder else ""


def path_behind(folder: str) -> str:
    """Where the range of a folder and all below it ends; the root's has no end."""
    return path_of(folder)[:-1] + BEHIND_SEGMENT


def folders_statement(
    principal: Principal, owner_id: str | None, parent: str, *, after: str | None, limit: int
) -> Select[Any]:
    """Up to `limit` direct sub-folders of `parent`, by name, behind the sub-folder `after`.

    The names are found by jumping through the index from one sub-folder to the next, so a page
    costs as many steps as it has names; the sums are read from the index alone.
    """
    listed = (listed_for(principal, owner_id), has_status(FileStatus.AVAILABLE))
    path = path_of(parent)
    below = and_(*listed, FileUpload.folder_path < path_behind(parent) if parent else true())
    segment = func.split_part(func.substr(FileUpload.folder_path, len(path) + 1), SEGMENT_END, 1, type_=String)

    def next_child(start: ColumnElement[str]) -> ColumnElement[str]:
        found = select(literal(path, String) + segment + SEGMENT_END).where(below, FileUpload.folder_path > start)
        return found.order_by(FileUpload.folder_path).limit(1).scalar_subquery()

    def behind(child: CTE) -> ColumnElement[str]:
        return func.left(child.c.path, -1, type_=String) + BEHIND_SEGMENT

    first = literal(path if after is None else path_behind(after), String)
    child = select(next_child(first).label("path"), literal(1).label("number")).cte("child", recursive=True)
    child = child.union_all(
        select(next_child(behind(child)), child.c.number + 1).where(child.c.path.is_not(None), child.c.number < limit)
    )
    totals = (
        select(
            func.count().label("file_count"),
            cast(func.coalesce(func.sum(FileUpload.file_size), 0), BigInteger).label("total_bytes"),
        )
        .where(*listed, FileUpload.folder_path >= child.c.path, FileUpload.folder_path < behind(child))
        .lateral("totals")
    )
    query = select(child.c.path, totals.c.file_count, totals.c.total_bytes)
    return query.select_from(child).join(totals, true()).where(child.c.path.is_not(None)).order_by(child.c.number)


class ListingRepository:
    """Listings within one transaction.

    Args:
        session: an open one; its owner commits.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def page(
        self,
        principal: Principal,
        criteria: ListingFilter,
        sort: ListingSort,
        *,
        after: tuple[Key, UUID] | None,
        limit: int,
    ) -> Sequence[ListedFile]:
        """Files of that listing behind the position `after`, with their objects."""
        await self.plan_for_pages()
        rows = await self._session.execute(page_statement(principal, criteria, sort, after=after, limit=limit))
        found = [ListedFile(*row) for row in rows]
        for file, _ in found:
            file.is_granted = criteria.is_shared
        return found

    async def folders(
        self, principal: Principal, owner_id: str | None, parent: str, *, after: str | None, limit: int
    ) -> Sequence[FolderTotals]:
        """Direct sub-folders of `parent` that hold available files of the caller (of everybody, for an admin)."""
        await self.plan_for_pages()
        rows = await self._session.execute(folders_statement(principal, owner_id, parent, after=after, limit=limit))
        return [FolderTotals(path[:-1].replace(SEGMENT_END, "/"), *totals) for path, *totals in rows]

    async def plan_for_pages(self) -> None:
        """Tell the planner, for this transaction, what it can't know.

        A plan for "some owner" and "some limit", which PostgreSQL may keep for a prepared statement, fits
        no page. And where it guesses that many rows must be looked at for one page, it would rather read
        the whole table: everybody's files, for one owner's page.
        """
        await self._session.execute(PLAN_FOR_PAGES)
