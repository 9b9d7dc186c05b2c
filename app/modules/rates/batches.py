"""Whether a caller may run a batch: its ids are counted, and only a few run at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request

from app.core.exceptions import TooMany
from app.modules.rates.caller_slots import COME_BACK_SECONDS, CallerSlots
from app.modules.rates.callers import counted_caller
from app.modules.rates.counter import RateCounter


class TooManyBatches(TooMany):
    """All the batches that this caller may run at once are running."""

    code = "too_many_batches"


class BatchSlots(CallerSlots):
    """Slots for batches that run."""

    def _refusal(self) -> TooManyBatches:
        detail = f"{self._most} batches of yours are running; send this one when one of them is done."
        return TooManyBatches(detail, retry_after_seconds=COME_BACK_SECONDS)


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
    slots: BatchSlots = request.app.state.batch_slots
    counter: RateCounter | None = request.app.state.rate_counter
    caller = await counted_caller(request)
    with slots.one_of(caller):
        standing = None if counter is None else await counter.count_ids(caller, weight)
        if standing is not None and standing.is_refused:
            seconds = standing.reset_seconds
            detail = (
                f"This counts as {weight} ids of the {standing.limit} that you may name in a time;"
                f" there is room for them in {seconds} s."
            )
            raise TooMany(detail, retry_after_seconds=seconds)
        yield
