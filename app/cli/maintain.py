"""`maintain`: one pass over what is left to finish, for a timer or by hand."""

from __future__ import annotations

import asyncio

import typer

from app.cli.environment import attached, settings_without_callers
from app.composition import composed
from app.config import Settings


def maintain() -> None:
    """Remove expired uploads and what dead processes left. Every serving process does the same by itself."""
    with attached():
        given_up = asyncio.run(_one_pass(settings_without_callers(env_file=None)))
    typer.echo(f"{given_up} objects given up")


async def _one_pass(settings: Settings) -> int:
    async with composed(settings) as parts:
        given_up = await parts.files.cleanup.run_once()
        await parts.outbox.drain()
        return given_up
