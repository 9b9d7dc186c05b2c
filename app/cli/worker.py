"""`worker`: the work behind the scenes in a process of its own, where the API processes leave it to one."""

from __future__ import annotations

import asyncio
import signal

import structlog

from app.cli.environment import settings_without_callers
from app.composition import composed
from app.config import Settings
from app.core.background import running
from app.core.logging import configure_logging

log = structlog.get_logger()


def worker() -> None:
    """Carry out the outbox without serving HTTP. Set OUTBOX_ENABLED=false where only this is to do it."""
    settings = settings_without_callers()
    configure_logging("DEBUG" if settings.server.debug else settings.server.log_level, settings.server.log_format)
    # What the API processes are told not to do is what this one is for.
    outbox = settings.outbox.model_copy(update={"enabled": True})
    asyncio.run(_work(settings.model_copy(update={"outbox": outbox})))


async def _work(settings: Settings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    async with composed(settings) as parts, running(parts.loops()):
        log.info("worker_started")
        await stopping.wait()
