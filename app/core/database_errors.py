"""Tells a database that is away from a statement that is wrong, by SQLSTATE.

The codes are those of PostgreSQL's manual, Appendix A.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from asyncpg import InterfaceError as DriverInterfaceError
from asyncpg import InternalClientError, PostgresError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.core.exceptions import Unavailable

# A second try can't help: the statement, its values or our use of the connection are wrong.
# What the list lacks is answered with 503, so that a code that nobody foresaw doesn't end a client's retries.
OUR_FAULT_CLASSES = frozenset(
    {
        "02",  # no data
        "03",  # SQL statement not yet complete
        "07",  # dynamic SQL
        "09",  # triggered action
        "0A",  # feature not supported
        "0B",  # transaction initiation
        "0F",  # locator
        "0L",  # grantor
        "0P",  # role specification
        "0Z",  # diagnostics
        "20",  # case not found
        "21",  # cardinality
        "22",  # data
        "23",  # integrity constraint
        "24",  # cursor state
        "25",  # transaction state
        "27",  # triggered data change
        "2B",  # dependent privileges
        "2D",  # transaction termination
        "2F",  # SQL routine
        "34",  # cursor name
        "36",  # cursor sensitivity
        "38",  # external routine
        "39",  # external routine invocation
        "3B",  # savepoint
        "42",  # syntax error or access rule
        "44",  # WITH CHECK OPTION
        "54",  # program limit exceeded
        "HV",  # foreign data wrapper
        "P0",  # PL/pgSQL
        "Q0",  # raised by our own functions, and read by whoever called them
    }
)
# Codes of those classes that a second try can help with.
WORTH_A_RETRY = frozenset(
    {
        "0A000",  # a prepared plan that a migration made invalid
        "25006",  # read-only: a standby after a failover
        "25P03",  # idle in transaction for too long
        "25P04",  # transaction time-out
        "42501",  # no privilege: a role that is being set up or was taken away
        "42704",  # the schema is not (yet) the one that this code expects: an object,
        "42883",  # a function,
        "42P01",  # a table,
        "42703",  # a column
        "42P05",  # a prepared statement of another client, behind a pooler
    }
)


class DatabaseUnavailable(Unavailable):
    """PostgreSQL can't be reached, refuses to work now, or all connections stay taken.

    Args:
        cause: the SQLSTATE, or the name of the driver's error. Only the log shows it.
    """

    code = "database_unavailable"
    detail = "The registry can't be reached right now; try again in a few seconds."

    def __init__(self, detail: str | None = None, *, retry_after_seconds: int = 5, cause: str | None = None) -> None:
        super().__init__(detail, retry_after_seconds=retry_after_seconds)
        self.cause = cause


def is_worth_a_retry(sqlstate: str) -> bool:
    """Whether the same statement may succeed later, unchanged."""
    return sqlstate in WORTH_A_RETRY or sqlstate[:2] not in OUR_FAULT_CLASSES


def sqlstate_of(error: BaseException) -> str | None:
    """The server's own code, whether SQLAlchemy has wrapped the error or not; None where the server said none."""
    original = error.orig if isinstance(error, DBAPIError) else error
    sqlstate: str | None = getattr(original, "sqlstate", None)
    return sqlstate


@contextmanager
def translated() -> Iterator[None]:
    """Turn what a database says while it is away, read-only, full or closed to us into `DatabaseUnavailable`.

    Errors that a retry can't mend pass unchanged.

    Raises:
        DatabaseUnavailable: the database is away, refuses to work now, or has no free connection.
    """
    try:
        yield
    except (PoolTimeoutError, ConnectionError, TimeoutError, DriverInterfaceError, InternalClientError) as error:
        raise DatabaseUnavailable(cause=type(error).__name__) from error
    except (DBAPIError, PostgresError) as error:
        sqlstate = sqlstate_of(error)
        if sqlstate is None:
            is_away = isinstance(error, InterfaceError | OperationalError)
        else:
            is_away = is_worth_a_retry(sqlstate)
        if is_away or getattr(error, "connection_invalidated", False):
            raise DatabaseUnavailable(cause=sqlstate or type(error).__name__) from error
        raise
