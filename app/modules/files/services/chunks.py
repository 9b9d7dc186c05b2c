"""Many ids, some at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

# How many files one transaction locks: few enough that whoever waits for one of them doesn't wait long.
CHUNK = 250


def chunks(file_ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    """The ids in their order, `CHUNK` at a time."""
    return (file_ids[start : start + CHUNK] for start in range(0, len(file_ids), CHUNK))
