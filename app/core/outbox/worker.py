"""Carries out what the outbox holds: a few entries at a time, any number of processes beside each other."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from uuid import uuid4

import structlog

from app.config import OutboxSettings
from app.core.background import BackgroundLoop
from app.core.database import Database
from app.core.exceptions import HoldfastError
from app.core.outbox.claims import FAILING_FROM_ATTEMPT, OutboxRepository, OutboxState
from app.core.outbox.entries import OutboxEntry

log = structlog.get_logger()
Handler = Callable[[OutboxEntry], Awaitable[None]]
RENEWALS_A_LEASE = 3
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 300.0
# Objects that wait to be removed wait no longer than that for a registry that is back.
LONGEST_UNREACHABLE_SECONDS = 10.0


class Outbox:
    """The claim loop.

    Args:
        database: where the entries are; its `outbox_written` ends a pause early.
        settings: how many at once, how long a claim lasts without a sign of life.
        handlers: who carries out which topic. A handler may be called twice for one entry.
    """

    def __init__(self, database: Database, settings: OutboxSettings, handlers: Mapping[str, Handler]) -> None:
        self._database = database
        self._settings = settings
        self._handlers = handlers
        self._running: set[asyncio.Task[None]] = set()

    def loop(self) -> BackgroundLoop:
        """Carries out what is due for as long as the process lives; each step waits by itself."""
        poll_seconds = self._settings.poll_seconds
        return BackgroundLoop(
            "outbox",
            self.step,
            interval_seconds=poll_seconds,
            rest_seconds=0.0,
            longest_pause_seconds=max(poll_seconds, LONGEST_UNREACHABLE_SECONDS),
        )

    async def step(self) -> None:
        """Carry out what is due; with nothing due wait until something is written or `OUTBOX_POLL_SECONDS` have passed.

        Raises:
            DatabaseUnavailable: the entries can't be claimed.
        """
        self._database.outbox_written.clear()
        if not await self._start_due():
            await self._pause()

    async def drain(self) -> int:
        """Carry out all that is due now, and what becomes due by it; returns how many entries were taken up.

        Entries that fail are left for their next turn.
        """
        taken = 0
        while started := await self._start_due():
            taken += started
            await self.finish()
        await self.finish()
        return taken

    async def finish(self) -> None:
        """Wait for what is being carried out."""
        while self._running:
            await asyncio.wait(self._running)

    async def stop(self, timeout_seconds: float) -> None:
        """Carry out what is due, but not for ever: a process that stops leaves the rest to the others."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self.drain()
        except HoldfastError as error:
            log.warning("outbox_unreachable", code=type(error).code)
        except TimeoutError:
            log.warning("outbox_left", count=len(self._running))
            for task in self._running:
                task.cancel()

    async def state(self) -> OutboxState:
        """How far behind the outbox is."""
        async with self._database.transaction() as session:
            return await OutboxRepository(session).state()

    async def _start_due(self) -> int:
        room = self._settings.concurrency - len(self._running)
        if room <= 0:
            return 0
        async with self._database.transaction() as session:
            claimed = await OutboxRepository(session).claim(
                uuid4(), lease_seconds=self._settings.lease_seconds, limit=room
            )
        for entry in claimed:
            task = asyncio.create_task(self._carry_out(entry))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return len(claimed)

    async def _pause(self) -> None:
        """Until there may be something to do: an entry was written, a slot came free, or time has passed."""
        written = asyncio.ensure_future(self._database.outbox_written.wait())
        is_full = len(self._running) >= self._settings.concurrency
        waited_for = self._running if is_full else {written, *self._running}
        try:
            await asyncio.wait(waited_for, timeout=self._settings.poll_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            written.cancel()

    async def _carry_out(self, entry: OutboxEntry) -> None:
        keeper = asyncio.create_task(self._keep(entry))
        try:
            await self._handlers[entry.topic](entry)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the entry stays and is tried again
            await self._postpone(entry, error)
        else:
            await self._note(lambda outbox: outbox.finish(entry))
        finally:
            keeper.cancel()

    async def _keep(self, entry: OutboxEntry) -> None:
        while True:
            await asyncio.sleep(self._settings.lease_seconds / RENEWALS_A_LEASE)
            await self._note(lambda outbox: outbox.renew(entry, lease_seconds=self._settings.lease_seconds))

    async def _postpone(self, entry: OutboxEntry, error: Exception) -> None:
        name = type(error).code if isinstance(error, HoldfastError) else type(error).__name__
        longest = min(FIRST_PAUSE_SECONDS * 2**entry.attempts, LONGEST_PAUSE_SECONDS)
        # Not all at once: what failed together would come again together.
        pause = longest * random.uniform(0.5, 1.0)  # noqa: S311 -- no secret
        report = log.error if entry.attempts >= FAILING_FROM_ATTEMPT else log.warning
        report(
            "outbox_entry_postponed",
            topic=entry.topic,
            file_id=str(entry.subject),
            attempts=entry.attempts,
            code=name,
            cause=getattr(error, "cause", None),
            exc_info=None if isinstance(error, HoldfastError) else error,
        )
        await self._note(lambda outbox: outbox.postpone(entry, name, pause_seconds=pause))

    async def _note(self, change: Callable[[OutboxRepository], Awaitable[None]]) -> None:
        """Write down what became of an entry; where the registry is away, its claim runs out instead."""
        try:
            async with self._database.transaction() as session:
                await change(OutboxRepository(session))
        except HoldfastError as error:
            log.warning("outbox_unreachable", code=type(error).code)
        except Exception:  # the task must go on to what comes next, such as renewing the claim
            log.exception("outbox_unwritable")
