"""Two tables: what each owner has and may have, and what changed since that was summed up.

Nothing here writes them but sums and limits: triggers on files and objects do, so that no way to change
one can forget it. A change is a new row; it waits for nobody, and nobody for it.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Identity, Text, text
from sqlalchemy.orm import Mapped, MappedColumn, mapped_column

from app.core.database import Base

# What an owner's own limit says where there is to be none; NULL leaves it to the settings.
NO_LIMIT = 2**63 - 1


def _counter() -> MappedColumn[int]:
    return mapped_column(BigInteger, server_default=text("0"))


class OwnerUsage(Base):
    """What an owner has, as far as it was summed up, and limits of its own.

    `bytes` and `files` are those of available and soft-deleted files, `reserved_*` those that are still on their way.
    """

    __tablename__ = "owner_usage"

    owner_id: Mapped[str] = mapped_column(Text, primary_key=True)
    bytes: Mapped[int] = _counter()
    files: Mapped[int] = _counter()
    reserved_bytes: Mapped[int] = _counter()
    reserved_files: Mapped[int] = _counter()
    max_bytes: Mapped[int | None] = mapped_column(BigInteger)
    max_files: Mapped[int | None] = mapped_column(BigInteger)


class UsageChange(Base):
    """What one change of a file or an object added or took away."""

    __tablename__ = "usage_changes"

    owner_id: Mapped[str] = mapped_column(Text, primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    bytes: Mapped[int] = _counter()
    files: Mapped[int] = _counter()
    reserved_bytes: Mapped[int] = _counter()
    reserved_files: Mapped[int] = _counter()
