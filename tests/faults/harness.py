"""Runs rounds, in as many lanes as asked for, and gathers what they came to."""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from app.config import StoreSettings
from app.core.capabilities.probes import probe_capabilities
from app.core.s3.adapter import S3
from tests.faults.disk import run_full_disk
from tests.faults.kills import drawn, drawn_for_maintenance
from tests.faults.lane import Lane, open_lane
from tests.faults.report import Report
from tests.faults.rounds import Round, kill_maintenance, kill_while_serving, put_right
from tests.faults.storms import (
    PATIENCE,
    STORE_FAULTS,
    own_postgres,
    weather_absence,
    weather_crash,
    weather_cuts,
    weather_store,
)

# So many kills of the service to one of maintenance.
SERVICE_ROUNDS = 5


@dataclass
class Harness:
    """A run.

    Args:
        parts: how PostgreSQL and the store are reached.
        folder: for logs and a database of its own.
        seed: for all that is drawn.
        capabilities: what the store keeps, found out once.
    """

    parts: dict[str, str]
    folder: Path
    seed: str
    capabilities: dict[str, bool] = field(default_factory=dict)
    report: Report = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.report = Report(self.seed)
        if not self.capabilities:
            self.capabilities = asyncio.run(_probed(self.parts))

    def lane(self, name: str, parts: dict[str, str] | None = None, **settings: str) -> AbstractContextManager[Lane]:
        """A lane with settings of its own."""
        folder = self.folder / name.replace(" ", "-")
        return open_lane(name, parts or self.parts, folder, self.capabilities, self.seed, **settings)

    def run(self, kills: int, *, lanes: int, storm_lanes: int) -> None:
        """Kill until so many hit unfinished work, or something is wrong; beside it every fault.

        Call it from the main thread.

        Args:
            kills: how many.
            lanes: services that are killed, beside each other.
            storm_lanes: services that live through faults; none for kills only.
        """
        started = time.monotonic()
        numbers = iter(range(10 * kills))
        weathers = [partial(weather_store, name=name) for name in STORE_FAULTS] + [weather_absence, weather_cuts]
        with ExitStack() as stack:
            # One after the other: Alembic has one context for all threads.
            killed = [stack.enter_context(self.lane(f"lane {number}")) for number in range(lanes)]
            stormed = [stack.enter_context(self.lane(f"storms {number}", **PATIENCE)) for number in range(storm_lanes)]
            threads = [self._thread(lane, partial(self._kill, lane, kills, numbers)) for lane in killed]
            threads += [self._thread(lane, partial(self._weather, lane, weathers)) for lane in stormed]
            if stormed:
                self._own_servers()
            for thread in threads:
                thread.join()
        self.report.seconds += time.monotonic() - started

    def _thread(self, lane: Lane, work: Callable[[], None]) -> threading.Thread:
        def guarded() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 -- a thread's failure would go unseen
                self.report.wrong.append(f"{lane.name} broke off: {error!r}")
                traceback.print_exc()

        thread = threading.Thread(target=guarded)
        thread.start()
        return thread

    def _kill(self, lane: Lane, count: int, numbers: Iterator[int]) -> None:
        while self.report.kills < count and not self.report.wrong:
            with self._lock:
                number = next(numbers)
            rounds = self._one(lane, number)
            with self._lock:
                for done in rounds:
                    self.report.add_kill(done)
        last = Round(f"at the end of {lane.name}: all files")
        last.wrong = put_right(lane, since=time.monotonic(), everything=True)
        with self._lock:
            self.report.add_fault(last)
            self.report.add_witness(lane.witness)

    def _weather(self, lane: Lane, weathers: list[Callable[[Lane], Round]]) -> None:
        while True:
            with self._lock:
                if not weathers:
                    self.report.add_witness(lane.witness)
                    return
                weather = weathers.pop(0)
            done = weather(lane)
            with self._lock:
                self.report.add_fault(done)

    def _own_servers(self) -> None:
        crashed = self.crash()
        with self._lock:
            self.report.add_fault(crashed)
        done, reason = self.full_disk()
        with self._lock:
            if done is None:
                self.report.left_out.append(reason)
            else:
                self.report.add_fault(done)

    @staticmethod
    def _one(lane: Lane, number: int) -> list[Round]:
        turn, rest = divmod(number, SERVICE_ROUNDS + 1)
        if rest == SERVICE_ROUNDS:
            return kill_maintenance(lane, drawn_for_maintenance(lane.random))
        return [kill_while_serving(lane, drawn(lane.random, turn * SERVICE_ROUNDS + rest))]

    def storms(self) -> None:
        """Every fault of store and database, one after the other. Call it from the main thread."""
        started = time.monotonic()
        with self.lane("storms", **PATIENCE) as lane:
            for name in STORE_FAULTS:
                self.report.add_fault(weather_store(lane, name))
            self.report.add_fault(weather_absence(lane))
            self.report.add_fault(weather_cuts(lane))
            self.report.add_witness(lane.witness)
        self.report.add_fault(self.crash())
        done, reason = self.full_disk()
        if done is None:
            self.report.left_out.append(reason)
        else:
            self.report.add_fault(done)
        self.report.seconds += time.monotonic() - started

    def crash(self) -> Round:
        """A database server dies and recovers."""
        with own_postgres(self.folder / "own-postgres") as postgres:
            parts = self.parts | {"DATABASE_URL": postgres.server.url}
            with self.lane("crash", parts, **PATIENCE) as lane:
                done = weather_crash(lane, postgres)
                self.report.add_witness(lane.witness)
        return done

    def full_disk(self) -> tuple[Round | None, str]:
        """The database's disk is full; None and the reason where that can't be had."""
        plain, reason = run_full_disk(self.parts, self.folder / "full-disk", self.capabilities, self.seed)
        if plain is None:
            return None, reason
        self.report.acknowledged.update(plain.get("acknowledged", {}))
        self.report.answers.update(plain.get("answers", {}))
        return Round(plain["name"], counts=True, wrong=plain["wrong"]), ""


async def _probed(parts: dict[str, str]) -> dict[str, bool]:
    settings = StoreSettings(
        _env_file=None,
        bucket_name=parts["S3_BUCKET_NAME"],
        endpoint_url=parts["S3_ENDPOINT_URL"],
        access_key_id=parts["S3_ACCESS_KEY_ID"],
        secret_access_key=parts["S3_SECRET_ACCESS_KEY"],
        region=parts["S3_REGION"],
    )
    s3 = S3(settings)
    try:
        return await probe_capabilities(s3)
    finally:
        await s3.close(5.0)
