"""Whether a caller may run a batch: its ids are counted, and only a few run at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request

from app.config import RateSettings
from app.core.exceptions import TooMany
from app.modules.rates.callers import counted_caller
from app.modules.rates.counter import RateCounter
from app.modules.rates.shares import Shares


class TooManyBatches(TooMany):
    """All the batches that this caller may run at once are running."""

    code = "too_many_batches"


def build_batch_shares(settings: RateSettings) -> Shares:
    """How many batches each caller may run at once."""
    return Shares(
        settings.batches_max_concurrent, wait_seconds=0, refusal=TooManyBatches, doing="running {most} batches"
    )


@asynccontextmanager
async def admitted_batch(request: Request, *, weight: int) -> AsyncIterator[None]:
    """Let a batch run within the block.

    Args:
        request: the caller's.
        weight: how many ids it counts as.

    Raises:
        TooManyBatches: enough batches of the caller run in this process.
        TooMany: there is no room for so many ids now. None of them is counted.
    """
    shares: Shares = request.app.state.batch_shares
    counter: RateCounter | None = request.app.state.rate_counter
    caller = await counted_caller(request)
    async with shares.one_of(caller):
        standing = None if counter is None else await counter.count_ids(caller, weight)
        if standing is not None and standing.is_refused:
            seconds = standing.reset_seconds
            detail = (
                f"This counts as {weight} ids of the {standing.limit} that you may name in a time;"
                f" there is room for them in {seconds} s."
            )
            raise TooMany(detail, retry_after_seconds=seconds)
        yield
