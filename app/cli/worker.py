"""`worker`: the work behind the scenes in a process of its own, where the API processes leave it to one."""

from __future__ import annotations

import asyncio

import structlog

from app.cli.environment import settings_without_callers
from app.cli.stopping import Stopping
from app.composition import composed
from app.config import Settings
from app.core.background import running
from app.core.deadline import Deadline
from app.core.logging import configure_logging

log = structlog.get_logger()


def worker() -> None:
    """Carry out the outbox without serving HTTP. Set OUTBOX_ENABLED=false where only this is to do it."""
    settings = settings_without_callers()
    configure_logging("DEBUG" if settings.server.debug else settings.server.log_level, settings.server.log_format)
    # What the API processes are told not to do is what this one is for.
    outbox = settings.outbox.model_copy(update={"enabled": True})
    stopping = Stopping(Deadline(settings.server.shutdown_grace_seconds))
    with stopping.listening():
        asyncio.run(_work(settings.model_copy(update={"outbox": outbox}), stopping))


async def _work(settings: Settings, stopping: Stopping) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    stopping.when_asked(lambda: loop.call_soon_threadsafe(told.set))
    async with composed(settings, stopping.deadline) as parts, running(parts.loops()):
        log.info("worker_started")
        await told.wait()
