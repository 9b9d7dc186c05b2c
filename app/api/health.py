"""Whether the process lives, and whether it can do its work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import uuid4

import structlog
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from app.core.background import BackgroundLoop, LoopReport, LoopStatus
from app.core.capabilities.store import StoreCapabilities
from app.core.clock import utc_now
from app.core.database import Database, newest_revision
from app.core.exceptions import HoldfastError, Unavailable
from app.core.framing_guard import Framing, FramingReport
from app.core.outbox import Outbox
from app.core.problems import problem_responses
from app.core.s3.adapter import S3
from app.modules.rates.counter import RateCounter

log = structlog.get_logger()
router = APIRouter(tags=["health"])
PROBE_TIMEOUT_SECONDS = 2.0
ANSWER_LIVES_SECONDS = 5.0
WRITE_PROBE_EVERY_SECONDS = 60.0
# Without these no request can be answered.
NEEDED_BY_ALL = {"database", "migrations"}


class ProbeResult(BaseModel):
    """How one part answered."""

    status: str
    latency_ms: float
    detail: str | None = None


class OutboxReport(BaseModel):
    """What is still to be done after commits. Entries that keep failing are in the log, with their reason."""

    due: int
    failing: int
    oldest_due_seconds: float


class LoopState(BaseModel):
    """How one of the works beside requests stands."""

    status: str = Field(
        description="`failing` while its last step failed, `stale` once none has succeeded for three intervals."
    )
    last_success_at: datetime | None
    failures: int = Field(description="Failed steps since the process started.")
    cause: str | None = None


class Readiness(BaseModel):
    """How all parts answered."""

    status: str = Field(description="`ok`, `degraded`, `unavailable` or `stopping`.")
    degraded: list[str] = Field(default=[], description="What fails while this process still serves: checks and loops.")
    checks: dict[str, ProbeResult]
    loops: dict[str, LoopState] = {}
    outbox: OutboxReport | None = None
    store_capabilities: dict[str, bool] | None = None
    framing: FramingReport | None = None


@dataclass
class ReadinessProbe:
    """Asks database and bucket, at most every five seconds however often it is asked itself."""

    database: Database
    s3: S3
    capabilities: StoreCapabilities
    outbox: Outbox
    loops: Sequence[BackgroundLoop]
    rate_counter: RateCounter | None = None
    framing: Framing = field(default_factory=Framing)
    is_stopping: bool = False
    _answer: Readiness | None = None
    _answered_at: float = field(default=float("-inf"))
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _write: ProbeResult | None = None
    _outbox_report: OutboxReport | None = None
    _written_at: float = field(default=float("-inf"))
    _asking: dict[str, asyncio.Task[object]] = field(default_factory=dict)
    _probe_key: str = field(default_factory=lambda: f".holdfast/probe-{uuid4().hex}")

    async def answer(self) -> Readiness:
        """The present or a very recent state."""
        if self.is_stopping:
            return Readiness(status="stopping", checks={})
        async with self._lock:
            if self._answer is None or time.monotonic() - self._answered_at > ANSWER_LIVES_SECONDS:
                self._answer = await self._ask()
                self._answered_at = time.monotonic()
            return self._answer

    async def _ask(self) -> Readiness:
        names = ("database", "migrations", "bucket", "bucket_write", "outbox")
        *results, counting = await asyncio.gather(
            self._timed(self._database),
            self._timed(self._migrations),
            self._timed(self.s3.check_bucket),
            self.probe_write(),
            self._timed(self._look_at_outbox),
            self._timed(self._rate_limit_storage),
        )
        checks = dict(zip(names, results, strict=True))
        loops = {report.name: report for report in (loop.report() for loop in self.loops)}
        failed = [name for name, result in checks.items() if result.status != "ok"]
        failed += [name for name, report in loops.items() if report.status is LoopStatus.STALE]
        if self.rate_counter is not None and self.rate_counter.is_shared:
            # Shown only: without it each process counts by itself, and an outage of a counter must be no other one.
            checks["rate_limit_storage"] = counting
        return Readiness(
            status=_status_of(failed),
            degraded=failed,
            checks=checks,
            loops={name: _shown(report) for name, report in loops.items()},
            outbox=self._outbox_report,
            store_capabilities=asdict(self.capabilities.current) if self.capabilities.is_learned else None,
            framing=self.framing.report(),
        )

    async def _look_at_outbox(self) -> None:
        state = await self.outbox.state()
        waits = utc_now() - state.oldest_due_at if state.oldest_due_at else timedelta()
        seconds = round(max(0.0, waits.total_seconds()), 1)
        self._outbox_report = OutboxReport(due=state.due, failing=state.failing, oldest_due_seconds=seconds)

    async def _rate_limit_storage(self) -> None:
        if self.rate_counter is not None:
            try:
                await self.rate_counter.check_shared()
            except Unavailable as error:
                raise NotReady("no answer; requests are counted by each process for itself") from error

    async def _database(self) -> None:
        await self.database.revision()

    async def _migrations(self) -> None:
        found = await self.database.revision()
        expected = await asyncio.to_thread(newest_revision)
        if found != expected:
            raise NotReady(f"schema is at {found or 'nothing'}, code expects {expected}: run python -m app migrate")

    async def probe_write(self) -> ProbeResult:
        """Whether the bucket can be written; tried at start, then at most once a minute."""
        if (
            self._write is None
            or self._write.status != "ok"
            or (time.monotonic() - self._written_at > WRITE_PROBE_EVERY_SECONDS)
        ):
            self._write = await self._timed(self._write_and_remove)
            self._written_at = time.monotonic()
        return self._write

    def write_loop(self) -> BackgroundLoop:
        """Tries at start, and then once a minute whether anybody asks or not."""
        return BackgroundLoop("bucket_write", self.probe_write, interval_seconds=WRITE_PROBE_EVERY_SECONDS)

    async def _write_and_remove(self) -> None:
        key = f"{self.s3.settings.key_prefix}{self._probe_key}"
        await self.s3.put(key, b"holdfast", content_type="text/plain", metadata={})
        await self.s3.delete(key)

    async def _timed(self, probe: Callable[[], Coroutine[Any, Any, object]]) -> ProbeResult:
        """Ask, but wait no longer than two seconds; what hangs is asked again only after it has ended.

        It's left alone rather than cancelled: a cancelled call to the store returns only when its thread
        does, and a new one every five seconds would take all threads away from uploads and downloads.
        """
        started = time.perf_counter()
        asking = self._asking.get(probe.__name__)
        if asking is None or asking.done():
            asking = self._asking[probe.__name__] = asyncio.create_task(probe())
        await asyncio.wait({asking}, timeout=PROBE_TIMEOUT_SECONDS)
        status, detail = "ok", None
        if not asking.done():
            status, detail = "timeout", f"no answer within {PROBE_TIMEOUT_SECONDS:g} s"
        elif isinstance(error := asking.exception(), NotReady):
            status, detail = "failed", str(error)
        elif isinstance(error, HoldfastError):
            status, detail = "failed", type(error).code
        elif error is not None:
            log.error("probe_failed", probe=probe.__name__, exc_info=error)
            status, detail = "failed", "internal_error"
        return ProbeResult(status=status, latency_ms=round((time.perf_counter() - started) * 1000, 1), detail=detail)


def _status_of(failed: Sequence[str]) -> str:
    """Red only where this process can serve nothing: taking all processes out because one store is slow ends more."""
    if not failed:
        return "ok"
    return "unavailable" if NEEDED_BY_ALL & set(failed) else "degraded"


def _shown(report: LoopReport) -> LoopState:
    return LoopState(
        status=report.status,
        last_success_at=report.last_success_at,
        failures=report.failures,
        cause=report.cause,
    )


class NotReady(HoldfastError):
    """A part answers, but not as it has to."""


@router.get("/health")
async def health() -> dict[str, str]:
    """The process lives. No I/O."""
    return {"status": "ok"}


@router.get(
    "/health/ready",
    response_model=Readiness,
    responses={503: {"model": Readiness}, **problem_responses(422)},
)
async def ready(
    request: Request,
    strict: Annotated[bool, Query(description="Answer 503 also where this process is only degraded.")] = False,
) -> Response:
    """Whether this process can serve: database and schema are there, and it is not stopping.

    A bucket that can't be read or written and loops that stand still are named in `degraded`, in a body of 200.
    """
    probe: ReadinessProbe = request.app.state.readiness
    answer = await probe.answer()
    is_ready = answer.status == "ok" or (answer.status == "degraded" and not strict)
    return JSONResponse(answer.model_dump(mode="json"), status_code=200 if is_ready else 503)
