"""Counts the SQL statements that each request costs, in the services of this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event
from sqlalchemy.engine import Engine

from app.core.middleware import request_id


@contextmanager
def counted_statements() -> Iterator[Counter[str]]:
    """Statements by the `X-Request-ID` of their request; one that is run for many rows one by one counts as many."""
    counts: Counter[str] = Counter()

    def count(_connection, _cursor, _statement, parameters, _context, executemany) -> None:
        # One statement with many rows of values comes with one tuple for all of them.
        counts[request_id()] += len(parameters) if executemany and isinstance(parameters, list) else 1

    event.listen(Engine, "before_cursor_execute", count)
    try:
        yield counts
    finally:
        event.remove(Engine, "before_cursor_execute", count)
