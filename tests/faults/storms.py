"""Faults that the service survives: a store that fails in every way, a database that goes away, a full disk."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.embedded import processes
from app.embedded.postgres import Postgres, start_postgres
from tests.faults.lane import LEASE_SECONDS, Lane
from tests.faults.rounds import Round, put_right
from tests.support.faulty_store import Fault, FaultyStore

BEFORE_SECONDS, STORM_SECONDS, AFTER_SECONDS = 0.3, 1.2, 0.3
READ_TIMEOUT_SECONDS = 1.0
# A store may be slower than we wait, but not by more than this.
LATE_WRITE_SECONDS = 1.5
PATIENCE = {
    "S3_READ_TIMEOUT_SECONDS": str(READ_TIMEOUT_SECONDS),
    "UPLOAD_LATE_WRITE_SECONDS": str(LATE_WRITE_SECONDS),
    "DATABASE_POOL_TIMEOUT_SECONDS": "2",
}
TOO_LATE_SECONDS = READ_TIMEOUT_SECONDS + 0.5
# Long enough for every attempt of a request to be hit.
LONG_STORM_SECONDS = 4.0
# On a busy machine it may take a while until a client comes by.
LONGEST_STORM_SECONDS = 20.0
WRITES = r"^(PUT|POST) "

StoreFault = Callable[[FaultyStore], Fault | None]
STORE_FAULTS: dict[str, StoreFault] = {
    "refuses connections": lambda store: store.refuse(),
    "takes no more bytes for longer than we wait": lambda store: store.stall_after(
        2_000, direction="up", seconds=TOO_LATE_SECONDS
    ),
    "answers later than we wait": lambda store: store.stall_after(0, direction="down", seconds=TOO_LATE_SECONDS),
    "stops in the middle of an answer": lambda store: store.stall_after(
        100, direction="down", seconds=TOO_LATE_SECONDS
    ),
    "breaks off while it is written to": lambda store: store.cut_after(3_000, direction="up", matching=WRITES),
    "breaks off before it answers": lambda store: store.cut_after(0, direction="down"),
    "breaks off in the middle of an answer": lambda store: store.cut_after(150, direction="down"),
    "answers 500": lambda store: store.answer(500, "InternalError"),
    "answers 503 SlowDown": lambda store: store.answer(503, "SlowDown"),
    "answers as a full one (507)": lambda store: store.answer(507, "XMinioStorageFull", matching=WRITES),
}


def weather_store(lane: Lane, name: str) -> Round:
    """Clients at work while the store fails in one way, then the look from outside."""

    def storm() -> int:
        fault = STORE_FAULTS[name](lane.store)
        is_waited_for = fault is not None and fault.kind == "stall"
        time.sleep(LONG_STORM_SECONDS if is_waited_for else STORM_SECONDS)
        over = time.monotonic() + LONGEST_STORM_SECONDS
        while fault is not None and not fault.hits and time.monotonic() < over:
            time.sleep(0.1)
        lane.store.heal()
        return 1 if fault is None else fault.hits

    return weathered(lane, f"the store {name}", storm)


def weather_cuts(lane: Lane) -> Round:
    """The database's connections are cut again and again."""

    def storm() -> int:
        for _ in range(10):
            lane.database.refuse()
            lane.database.heal()
            time.sleep(STORM_SECONDS / 10)
        return 10

    return weathered(lane, "the database's connections are cut, ten times", storm)


def weather_absence(lane: Lane) -> Round:
    """The database refuses for a while."""

    def storm() -> int:
        lane.database.refuse()
        time.sleep(STORM_SECONDS)
        lane.database.heal()
        return 1

    return weathered(lane, "the database goes away and comes back", storm)


def weathered(lane: Lane, name: str, storm: Callable[[], int]) -> Round:
    """Clients at work before, while and after; returns what does not hold once it is over."""
    crew = lane.start_clients()
    time.sleep(BEFORE_SECONDS)
    failed_before = _failed(lane)
    hits = storm()
    time.sleep(AFTER_SECONDS)
    crew.stop()
    failed = _failed(lane) - failed_before
    # What a store still does late is looked for once more at the end of this time.
    over = time.monotonic() + LATE_WRITE_SECONDS
    time.sleep(LATE_WRITE_SECONDS)
    done = Round(f"{name}: {hits} hits, {failed} requests failed", counts=True)
    done.wrong = put_right(lane, since=over - LEASE_SECONDS)
    if hits == 0:
        done.wrong.append("the fault hit nothing")
    if lane.service.has_ended():
        done.wrong.append("the service ended")
    return done


def _failed(lane: Lane) -> int:
    return sum(count for status, count in lane.witness.answers.items() if status.startswith("5"))


@dataclass
class OwnPostgres:
    """A server of the harness' own, durable, which may die. Started and stopped by the main thread only."""

    folder: Path
    server: Postgres

    def die(self) -> None:
        """As `pg_ctl stop -m immediate`: no checkpoint, no goodbye."""
        self.server.child.process.send_signal(signal.SIGQUIT)
        self.server.child.process.wait(30)

    def return_again(self) -> None:
        """Start on the same data; returns when it has recovered."""
        self.server = start_postgres(self.folder)
        self.server.wait_ready()

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.server.child.process.poll() is None


@contextmanager
def own_postgres(folder: Path) -> Iterator[OwnPostgres]:
    """One in this folder, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    own = OwnPostgres(folder, start_postgres(folder))
    try:
        own.server.wait_ready()
        yield own
    finally:
        processes.stop([own.server.child])


def weather_crash(lane: Lane, postgres: OwnPostgres) -> Round:
    """The database server dies and recovers."""

    def storm() -> int:
        postgres.die()
        time.sleep(0.5)
        postgres.return_again()
        return 1

    return weathered(lane, "the database server dies and recovers", storm)


def weather_full_disk(lane: Lane, postgres: OwnPostgres) -> Round:
    """The disk below the database fills up, and is emptied again."""
    filler = postgres.folder / "filler"

    def storm() -> int:
        before = _failed(lane)
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(65_536))
            except OSError:
                pass  # full, as it was to be
        deadline = time.monotonic() + 15
        while _failed(lane) - before < 5 and postgres.is_alive() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(STORM_SECONDS)
        hits = _failed(lane) - before
        filler.unlink()
        if not postgres.is_alive():
            postgres.return_again()
        return hits

    return weathered(lane, "the database's disk is full, and then no more", storm)
