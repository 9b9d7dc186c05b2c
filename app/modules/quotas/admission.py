"""Admission: an owner gets room for one more file or some more bytes, or it's told that there is none.

The database decides, under a lock of the owner's row that lasts until the transaction ends: what was admitted
before is committed or undone by then, so any number of uploads in any number of processes get exactly
what there is. Owners without a limit wait for nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import BigInteger, ColumnElement, Text, bindparam, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.config import QuotaSettings
from app.modules.quotas.exceptions import QuotaExceeded

REFUSALS = {
    "Q0001": "There is no room left for so many bytes in the owner's quota",
    "Q0002": "There is no room left for another file in the owner's quota",
}
WAY_OUT = "delete files for good (soft-deleted ones count), or ask for more; GET /usage tells what there is."


def admitted_bytes(owner_id: str, size_bytes: str, files: str) -> ColumnElement[int]:
    """An expression that is `size_bytes` where there is room for them, and else fails the statement.

    Args:
        owner_id: the parameter that has it, like the other two.
        size_bytes: how many more.
        files: how many more.
    """
    return func.hold_quota(
        bindparam(owner_id, type_=Text),
        bindparam(size_bytes, type_=BigInteger),
        bindparam(files, type_=BigInteger),
        bindparam("usual_max_bytes", type_=BigInteger),
        bindparam("usual_max_files", type_=BigInteger),
        type_=BigInteger,
    )


ADMIT = select(admitted_bytes("owner_id", "size_bytes", "files"))


class Quotas:
    """Lets owners have more, by the limits of the settings where they have none of their own."""

    def __init__(self, settings: QuotaSettings) -> None:
        # What a statement with `admitted_bytes` in it needs besides.
        self.parameters = {"usual_max_bytes": settings.max_bytes, "usual_max_files": settings.max_files}

    async def admit(self, session: AsyncSession, owner_id: str, *, size_bytes: int, files: int) -> None:
        """Make sure that there is room; nobody else gets it before the transaction ends.

        Raises:
            QuotaExceeded: there is none.
        """
        more = {"owner_id": owner_id, "size_bytes": size_bytes, "files": files}
        with quota_kept():
            await session.execute(ADMIT, more | self.parameters)


@contextmanager
def quota_kept() -> Iterator[None]:
    """Say what it means when a statement with `admitted_bytes` in it fails.

    Raises:
        QuotaExceeded: there is no room.
    """
    try:
        yield
    except DBAPIError as error:
        refusal = REFUSALS.get(getattr(error.orig, "sqlstate", None) or "")
        if refusal is None:
            raise
        raise QuotaExceeded(f"{refusal}: {WAY_OUT}") from None
