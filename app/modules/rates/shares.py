"""How many transfers of one caller pass this process at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.core.exceptions import TooMany
from app.modules.rates.callers import CountedCaller

COME_BACK_SECONDS = 1
# A page of pictures asks for all of them at once; each is quick.
DOWNLOAD_WAIT_SECONDS = 5.0


class TooManyUploads(TooMany):
    """All the uploads that this caller may send at once are under way."""

    code = "too_many_uploads"


class TooManyDownloads(TooMany):
    """All the downloads that this caller may read at once are under way."""

    code = "too_many_downloads"


@dataclass
class _Gate:
    """One caller's places, and how many requests hold one or wait for one."""

    free: asyncio.Semaphore
    requests: int = 0


class Shares:
    """Kept in memory alone: what a killed process held is free by itself.

    Args:
        most: how many transfers one caller may have under way.
        wait_seconds: how long one more waits before it's refused.
        refusal: what is raised then.
        doing: what its caller does, for the refusal's text; `{most}` stands for the number: "sending {most} files".
    """

    def __init__(self, most: int, *, wait_seconds: float, refusal: type[TooMany], doing: str) -> None:
        self._most = most
        self._wait_seconds = wait_seconds
        self._refusal = refusal
        self._doing = doing
        self._gates: dict[CountedCaller, _Gate] = {}

    @property
    def callers(self) -> int:
        """How many callers have a transfer under way, or wait for one."""
        return len(self._gates)

    @asynccontextmanager
    async def one_of(self, caller: CountedCaller) -> AsyncIterator[None]:
        """A place for as long as the block lasts, however it ends.

        Raises:
            TooMany: none came free in time.
        """
        gate = self._gates.setdefault(caller, _Gate(asyncio.Semaphore(self._most)))
        gate.requests += 1
        try:
            await self._enter(gate)
            try:
                yield
            finally:
                gate.free.release()
        finally:
            gate.requests -= 1
            if not gate.requests:
                del self._gates[caller]

    async def _enter(self, gate: _Gate) -> None:
        if gate.free.locked() and not self._wait_seconds:
            raise self._too_many()
        try:
            async with asyncio.timeout(self._wait_seconds or None):
                await gate.free.acquire()
        except TimeoutError as error:
            raise self._too_many() from error

    def _too_many(self) -> TooMany:
        doing = self._doing.format(most=self._most)
        detail = f"You are {doing} already; come back when one of them is through."
        return self._refusal(detail, retry_after_seconds=COME_BACK_SECONDS)
