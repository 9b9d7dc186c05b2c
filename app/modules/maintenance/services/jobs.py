"""Runs the jobs: by command, or one pass of all every so often in whichever process gets the lease."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

import structlog

from app.core.background import BackgroundLoop
from app.core.clock import utc_now
from app.core.database import Database
from app.core.exceptions import Conflict, HoldfastError, Unavailable
from app.core.leases import renewing
from app.core.resources import Afterwork
from app.modules.maintenance.job_repository import Held, JobRepository
from app.modules.maintenance.reports import Gravity, Report, Tally
from app.modules.maintenance.services.expiry import ExpireJob
from app.modules.maintenance.services.purge import PurgeJob
from app.modules.maintenance.services.quarantine import Quarantine
from app.modules.maintenance.services.reconcile import Consent, ReconcileJob, StoppedOnPurpose
from app.modules.maintenance.services.scrub import ScrubJob

log = structlog.get_logger()
T = TypeVar("T")
PASS = "pass"  # noqa: S105 -- the name of a job
Runs = ExpireJob | PurgeJob | ReconcileJob | ScrubJob
LEASE_SECONDS = 60.0
WAIT_SECONDS = 90.0
POLL_SECONDS = 0.5
LONGEST_POLL_SECONDS = 30.0
ELSEWHERE = "another process is at it, and was for all the time that this one waited"


class JobLost(Conflict):
    """The lease went to another process while this one could not renew it."""

    detail = "Another process took the job over."


class PassFailed(Unavailable):
    """Jobs of a pass failed; the log says why.

    Args:
        jobs: which.
    """

    detail = "A job of maintenance failed."

    def __init__(self, jobs: Sequence[str]) -> None:
        super().__init__()
        self.cause = ", ".join(jobs)


class Job(StrEnum):
    """In the order of a pass: what one gives up, the next removes."""

    EXPIRE = "expire"
    PURGE = "purge"
    RECONCILE = "reconcile"
    SCRUB = "scrub"


NO_CONSENT = Consent()
# Expire and purge lock single rows instead: any number of workers may be at it.
EXCLUSIVE = frozenset({Job.RECONCILE, Job.SCRUB})


@dataclass(frozen=True)
class Options:
    """How a job is run.

    Args:
        dry_run: look only; neither registry nor bucket is changed, no lease taken.
        consent: what reconcile may do beyond its limits.
        whole: scrub reads everything, also what was read not long ago.
        scrub_seconds: after how long scrub begins no other object.
        wait_seconds: how long to wait for a process that is at it.
    """

    dry_run: bool = False
    consent: Consent = NO_CONSENT
    whole: bool = True
    scrub_seconds: float | None = None
    wait_seconds: float = WAIT_SECONDS


class MaintenanceService:
    """Acts for nobody, so it takes no principal."""

    def __init__(
        self,
        database: Database,
        afterwork: Afterwork,
        expire: ExpireJob,
        purge: PurgeJob,
        reconcile: ReconcileJob,
        scrub: ScrubJob,
        quarantine: Quarantine,
    ) -> None:
        self._database = database
        self._afterwork = afterwork
        self._expire = expire
        self._purge = purge
        self._reconcile = reconcile
        self._scrub = scrub
        self.quarantine = quarantine

    async def run(self, job: Job, options: Options) -> Report:
        """One job; what goes wrong stands in the report."""
        if options.dry_run or job not in EXCLUSIVE:
            report, _ = await self._reported(job, options, None)
        else:
            held = await self._take(job, options.wait_seconds)
            if held is None:
                return Report(job, options.dry_run, utc_now(), 0.0, {}, (), failed=ELSEWHERE)
            try:
                report = await self._held(held, lambda: self._of_held(job, options, held))
            except JobLost as error:
                return Report(job, options.dry_run, utc_now(), 0.0, {}, (), failed=str(error))
        counts = {
            each.name.lower().replace(" ", "_"): f"{each.done}/{each.found}" for each in report.findings if each.found
        }
        log.info(
            "maintenance_report", job=job, dry_run=report.is_dry_run, is_well=report.is_well, stopped=report.stopped,
            failed=report.failed, seconds=round(report.seconds, 3), looked_at=dict(report.looked_at), **counts,
        )  # fmt: skip
        return report

    async def run_all(self, options: Options) -> list[Report]:
        """One pass: each job once, in their order."""
        return [await self.run(job, options) for job in Job]

    def loop(self, interval_seconds: float) -> BackgroundLoop:
        """A pass every `interval_seconds`, by one of all processes; each looks at least twice a minute."""
        return BackgroundLoop(
            "maintenance",
            partial(self.pass_if_due, interval_seconds),
            interval_seconds=interval_seconds,
            rest_seconds=min(interval_seconds, LONGEST_POLL_SECONDS),
        )

    async def pass_if_due(self, interval_seconds: float) -> None:
        """Do one pass, if none began for `interval_seconds` and no other process is at it.

        Raises:
            PassFailed: a job failed; the pass is not noted as done, so it comes again before the next is due.
        """
        # A scrub that takes longer goes on in the next pass, so that the other jobs have their turn.
        options = Options(whole=False, scrub_seconds=interval_seconds, wait_seconds=0.0)
        held = await self._take(PASS, 0.0, rest_seconds=interval_seconds)
        if held is not None:
            await self._held(held, lambda: self._pass(held, options))

    async def _pass(self, held: Held, options: Options) -> None:
        failed = [report.job for report in await self.run_all(options) if report.failed not in {None, ELSEWHERE}]
        if failed:
            raise PassFailed(failed)
        async with self._database.transaction() as session:
            await JobRepository(session).finish(held, None)

    async def _of_held(self, job: Job, options: Options, held: Held) -> Report:
        report, is_done = await self._reported(job, options, held)
        async with self._database.transaction() as session:
            jobs = JobRepository(session)
            if is_done:
                await jobs.save(held, None)
                await jobs.finish(held, report.as_dict())
        return report

    async def _reported(self, job: Job, options: Options, held: Held | None) -> tuple[Report, bool]:
        """The report, and whether the job came to its end."""
        tally = Tally(self._kinds(job))
        cursor = held.cursor if held else None
        if cursor:
            tally = Tally(self._kinds(job), **cursor["tally"])
        started_at, started = utc_now(), time.monotonic()
        stopped = failed = None
        try:
            await self._work(job, options, tally, held)
        except StoppedOnPurpose as stop:
            stopped = str(stop)
        except HoldfastError as error:
            failed = f"{type(error).code}: {error}"
        seconds = time.monotonic() - started
        report = Report(
            job, options.dry_run, started_at, seconds, tally.looked_at, tally.findings(), stopped, failed
        )  # fmt: skip
        return report, failed is None

    def _kinds(self, job: Job) -> Mapping[str, Gravity]:
        jobs: tuple[Runs, ...] = (self._expire, self._purge, self._reconcile, self._scrub)
        return next(each.kinds for each in jobs if each.name == job)

    async def _work(self, job: Job, options: Options, tally: Tally, held: Held | None) -> None:
        async def save(cursor: dict[str, Any]) -> None:
            if held is None:
                return
            async with self._database.transaction() as session:
                if not await JobRepository(session).save(held, cursor):
                    raise JobLost

        cursor = held.cursor if held else None
        match job:
            case Job.EXPIRE:
                await self._expire.run(tally, dry_run=options.dry_run)
            case Job.PURGE:
                await self._purge.run(tally, dry_run=options.dry_run)
            case Job.RECONCILE:
                await self._reconcile.run(
                    tally, dry_run=options.dry_run, consent=options.consent, cursor=cursor, save=save
                )
            case Job.SCRUB:
                await self._scrub.run(
                    tally,
                    dry_run=options.dry_run,
                    whole=options.whole,
                    until_seconds=options.scrub_seconds,
                    cursor=cursor,
                    save=save,
                )

    async def _take(self, job: str, wait_seconds: float, *, rest_seconds: float | None = None) -> Held | None:
        deadline = time.monotonic() + wait_seconds
        while True:
            async with self._database.transaction() as session:
                held = await JobRepository(session).take(
                    job, uuid4(), lease_seconds=LEASE_SECONDS, rest_seconds=rest_seconds
                )
            if held is not None or time.monotonic() >= deadline:
                return held
            await asyncio.sleep(POLL_SECONDS)

    async def _held(self, held: Held, work: Callable[[], Awaitable[T]]) -> T:
        """Do something under a lease that is renewed meanwhile, then give the lease back however it went."""

        async def renew() -> bool:
            async with self._database.transaction() as session:
                return await JobRepository(session).renew(held, LEASE_SECONDS)

        try:
            async with renewing(renew, LEASE_SECONDS, lost=JobLost, job=held.job):
                return await work()
        finally:
            await self._afterwork.run(self._release(held))

    async def _release(self, held: Held) -> None:
        async with self._database.transaction() as session:
            await JobRepository(session).release(held)
