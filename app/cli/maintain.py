"""`maintain`: expire, purge, reconcile, scrub; for a timer or by hand, with a report and an exit code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from app.cli.environment import attached, settings_without_callers
from app.cli.stopping import DEFAULT_GRACE_SECONDS, Stopping
from app.composition import composed
from app.core.deadline import Deadline
from app.core.exceptions import HoldfastError
from app.core.logging import configure_logging
from app.modules.files.models import StoredObject
from app.modules.maintenance.reports import Report, as_json, as_table
from app.modules.maintenance.services.jobs import Job, MaintenanceService, Options
from app.modules.maintenance.services.reconcile import Consent

T = TypeVar("T")
DryRun = Annotated[bool, typer.Option("--dry-run", help="Look only; change neither registry nor bucket.")]
Json = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]
Ours = Annotated[
    bool,
    typer.Option("--they-are-ours", help="Move unknown objects aside however many there are: the bucket is right."),
]
Lost = Annotated[
    bool,
    typer.Option("--they-are-lost", help="Reject files without object however many there are: the bucket is right."),
]

app = typer.Typer(
    invoke_without_command=True,
    no_args_is_help=False,
    help="Keep registry and bucket in agreement. Without a command: expire, purge, reconcile, scrub, once each. "
    "Ends with 1 where something is wrong that was not repaired, or bytes were lost.",
)


@app.callback()
def everything(
    context: typer.Context, dry_run: DryRun = False, as_json: Json = False, ours: Ours = False, lost: Lost = False
) -> None:
    """Run all four jobs unless a command names one."""
    if context.invoked_subcommand is None:
        _report(list(Job), _options(dry_run, ours, lost), in_json=as_json)


@app.command()
def expire(dry_run: DryRun = False, as_json: Json = False) -> None:
    """Soft-delete files whose time has come; remove expired uploads and what dead processes left."""
    _report([Job.EXPIRE], _options(dry_run), in_json=as_json)


@app.command()
def purge(dry_run: DryRun = False, as_json: Json = False) -> None:
    """Remove for good what is old: FILE_CLEANUP_DAYS, QUARANTINE_DAYS, API_KEY_CLEANUP_DAYS, AUDIT_RETENTION_DAYS."""
    _report([Job.PURGE], _options(dry_run), in_json=as_json)


@app.command()
def reconcile(dry_run: DryRun = False, as_json: Json = False, ours: Ours = False, lost: Lost = False) -> None:
    """Compare the bucket with the registry, both ways; move unknown objects aside."""
    _report([Job.RECONCILE], _options(dry_run, ours, lost), in_json=as_json)


@app.command()
def scrub(dry_run: DryRun = False, as_json: Json = False) -> None:
    """Read all stored bytes back and compare their SHA-256."""
    _report([Job.SCRUB], _options(dry_run), in_json=as_json)


@app.command()
def quarantine(as_json: Json = False) -> None:
    """List the objects that lie aside."""
    found = _with_service(lambda service: service.quarantine.listing(), dry_run=True)
    if as_json:
        typer.echo(json.dumps([_shown(stored) for stored in found], indent=2))
        return
    for stored in found:
        typer.echo(f"{stored.id}  {stored.created_at:%Y-%m-%d %H:%M}  {stored.size_bytes:>15,}  {stored.original_key}")
    typer.echo(f"{len(found)} objects lie aside")


@app.command()
def restore(object_id: Annotated[UUID, typer.Argument(help="As `maintain quarantine` shows it.")]) -> None:
    """Move an object back to where it was found, and leave it alone from then on."""
    key = _with_service(lambda service: service.quarantine.restore(object_id))
    typer.echo(f"restored: {key}")


def _options(dry_run: bool, ours: bool = False, lost: bool = False) -> Options:
    return Options(dry_run=dry_run, consent=Consent(they_are_ours=ours, they_are_lost=lost))


def _report(jobs: list[Job], options: Options, *, in_json: bool) -> None:
    async def run(service: MaintenanceService) -> list[Report]:
        return [await service.run(job, options) for job in jobs]

    reports = _with_service(run, dry_run=options.dry_run)
    typer.echo(as_json(reports) if in_json else as_table(reports))
    if not all(report.is_well for report in reports):
        raise typer.Exit(1)


def _shown(stored: StoredObject) -> dict[str, object]:
    return {
        "id": str(stored.id),
        "original_key": stored.original_key,
        "size_bytes": stored.size_bytes,
        "since": stored.created_at.isoformat(),
    }


def _with_service(work: Callable[[MaintenanceService], Awaitable[T]], *, dry_run: bool = False) -> T:
    # The report alone goes to standard output.
    configure_logging("WARNING", "console")
    stopping = Stopping(Deadline(DEFAULT_GRACE_SECONDS))
    try:
        with stopping.listening(), attached(stopping):
            return asyncio.run(_working(work, stopping, dry_run=dry_run))
    except asyncio.CancelledError as error:
        typer.echo("Stopped before the end; the next pass goes on.", err=True)
        raise typer.Exit(1) from error
    except HoldfastError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


async def _working(work: Callable[[MaintenanceService], Awaitable[T]], stopping: Stopping, *, dry_run: bool) -> T:
    """Do it, then remove what was given up, whoever else does that."""
    loop, this = asyncio.get_running_loop(), asyncio.current_task()
    if this is not None:
        stopping.when_asked(lambda: loop.call_soon_threadsafe(this.cancel))
    settings = settings_without_callers(env_file=None)
    async with composed(settings.without_outbox(), stopping.deadline) as parts:
        result = await work(parts.maintenance)
        if not dry_run:
            await parts.outbox.drain()
    return result
