"""A transaction of somebody else's, held open for as long as a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import asyncpg

from tests.support.service import wait_until
from tests.support.stores import Registry

WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@contextmanager
def open_transaction(registry: Registry) -> Iterator[Callable[..., None]]:
    """Yields a function that runs one statement within it; the end of the block commits."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(registry.dsn))
        try:
            transaction = connection.transaction()
            runner.run(transaction.start())
            yield lambda statement, *arguments: runner.run(connection.execute(statement, *arguments))
            runner.run(transaction.commit())
        finally:
            runner.run(connection.close())


def wait_for_a_waiter(registry: Registry) -> None:
    """Until some transaction waits for a lock that another one holds."""
    wait_until(lambda: registry.rows(WAITING))
