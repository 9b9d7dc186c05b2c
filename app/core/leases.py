"""Renews a lease while work is done under it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from app.core.database_errors import DatabaseUnavailable
from app.core.tasks import task_group

log = structlog.get_logger()
RENEWALS_A_LEASE = 3


@asynccontextmanager
async def renewing(
    renew: Callable[[], Awaitable[bool]], lease_seconds: float, *, lost: Callable[[], Exception], **named: str
) -> AsyncIterator[None]:
    """Renew a lease three times in its length until the block ends.

    A registry that can't be asked doesn't end the block: whoever commits under the lease looks at it then.
    Any other failure to renew cancels the block and is raised from it.

    Args:
        renew: renews; False where somebody else has the lease by now.
        lease_seconds: how long it lasts without being renewed.
        lost: makes the error that is raised when it's lost.
        named: what the log says of a renewal that failed.

    Raises:
        Exception: what `lost` makes.
    """
    async with task_group() as group:
        keeper = group.create_task(_keep(renew, lease_seconds, lost, named))
        yield
        keeper.cancel()


async def _keep(
    renew: Callable[[], Awaitable[bool]], lease_seconds: float, lost: Callable[[], Exception], named: dict[str, str]
) -> None:
    while True:
        await asyncio.sleep(lease_seconds / RENEWALS_A_LEASE)
        try:
            is_ours = await renew()
        except DatabaseUnavailable as error:
            log.warning("lease_not_renewed", cause=error.cause, **named)
            continue
        if not is_ours:
            raise lost()
