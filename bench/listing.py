"""A page of a listing among 200,000 files, the first and one up to 90,000 files on: by keyset and by OFFSET.

Run: python -m bench.listing [--rounds 30]. Milliseconds in the repository, over one connection, turn and turn
about; the peer is the same query with its position given as OFFSET, which is what tutorials do.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import joinedload

from app.config import asyncpg_url
from app.embedded.parts import embedded_parts
from app.modules.auth.principal import Principal
from app.modules.files.listing_repository import (
    ListingFilter,
    ListingRepository,
    ListingSort,
    conditions_of,
    page_statement,
)
from app.modules.files.models import FileUpload
from app.modules.files.visibility import has_status, listed_for
from bench.upload import spread
from tests.support.many_files import LARGE, many_files

OWNER = Principal(LARGE)
PAGE = 51
DEEP = 90_000
QUERIES: dict[str, tuple[ListingFilter, ListingSort, int]] = {
    "newest first": (ListingFilter(), ListingSort.NEWEST, DEEP),
    "by name": (ListingFilter(), ListingSort.NAME, DEEP),
    "largest first": (ListingFilter(), ListingSort.LARGEST, DEEP),
    "images, newest first": (ListingFilter(content_type="image/*"), ListingSort.NEWEST, DEEP // 2),
    "below a folder, by name": (ListingFilter(prefix="documents"), ListingSort.NAME, DEEP * 2 // 3),
    "a rare word": (ListingFilter(text="rhinoceros"), ListingSort.NEWEST, 0),
    "one customer's, by metadata": (ListingFilter(metadata={"customer": 4711}), ListingSort.NEWEST, 0),
}


async def milliseconds(way: Callable[[], Awaitable[object]]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    await way()
    return (time.perf_counter() - started) * 1000


async def measure(url: str, rounds: int) -> None:
    """Print each query's first and deep page."""
    engine = create_async_engine(asyncpg_url(url))
    async with AsyncSession(engine) as session:
        repository = ListingRepository(session)
        for name, (criteria, sort, depth) in QUERIES.items():
            for offset in dict.fromkeys((0, depth)):
                ours, peer = await _compare(session, repository, criteria, sort, offset, rounds)
                ratio = spread([slow / fast for fast, slow in zip(ours, peer, strict=True)])
                print(f"{name:28} from {offset:6}  keyset {spread(ours)}  OFFSET {spread(peer)}  times {ratio}")
        for parent in ("", "archive", "documents"):
            times = [
                await milliseconds(lambda p=parent: repository.folders(OWNER, None, p, after=None, limit=PAGE))  # type: ignore[misc]
                for _ in range(rounds)
            ]
            print(f"sub-folders of {parent!r:13}  {spread(times)}")
    await engine.dispose()


async def _compare(
    session: AsyncSession,
    repository: ListingRepository,
    criteria: ListingFilter,
    sort: ListingSort,
    offset: int,
    rounds: int,
) -> tuple[list[float], list[float]]:
    after: Any = None
    if offset:
        statement = page_statement(OWNER, criteria, sort, after=None, limit=offset)
        [before, key] = (await session.execute(statement.offset(offset - 1))).one()
        after = (key, before.id)

    async def by_keyset() -> None:
        await repository.page(OWNER, criteria, sort, after=after, limit=PAGE)

    async def by_offset() -> None:
        place = [column.desc() if sort.is_descending else column.asc() for column in (sort.column, FileUpload.id)]
        conditions = (listed_for(OWNER, None), has_status(criteria.status), *conditions_of(criteria))
        page = select(FileUpload.id).where(*conditions).order_by(*place).offset(offset).limit(PAGE).subquery()
        files = select(FileUpload).join(page, FileUpload.id == page.c.id)
        await session.execute(files.options(joinedload(FileUpload.current_object)))

    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        for kept, way in zip(times, (by_keyset, by_offset), strict=True):
            session.expunge_all()
            kept.append(await milliseconds(way))
    return times[0][1:], times[1][1:]


def main() -> None:
    """Fill a database of its own and measure."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=30)
    options = arguments.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_parts(Path(folder) / "parts", {"S3_BUCKET_NAME": "elsewhere"}) as parts,
        many_files(parts.environment["DATABASE_URL"]) as url,
    ):
        asyncio.run(measure(url, options.rounds))


if __name__ == "__main__":
    main()
