"""The embedded PostgreSQL: makes the cluster once, starts it on loopback, tells its address."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.embedded import processes
from app.embedded.exceptions import PartFailedError
from app.embedded.ports import LOOPBACK, free_port
from app.embedded.postgres_home import ROOT_METHODS, SHARED_FOLDERS, PostgresHome, RootMethod, postgres_home
from app.embedded.state import read_state, sync_folder, write_private, write_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME = "postgres"
INIT_NAME = "postgres-init"
ROLE = DATABASE = "holdfast"
INIT_TIMEOUT_SECONDS = 120.0
READY_TIMEOUT_SECONDS = 120.0
# The wheel's own locale provider, since C.UTF-8 is not a locale of every operating system.
INIT_OPTIONS = (
    "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
    "--no-instructions",
)  # fmt: skip
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "max_parallel_workers": "0",
    "io_method": "sync",
    "jit": "off",
    "timezone": "UTC",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Postgres:
    """A starting or running server."""

    child: processes.Child
    port: int
    password: str
    pid_file: Path

    @property
    def url(self) -> str:
        """Its address with role, password and database."""
        return f"postgresql://{ROLE}:{self.password}@{LOOPBACK}:{self.port}/{DATABASE}"

    def wait_ready(self) -> None:
        """Wait until it accepts connections, after a crash until it has recovered.

        Raises:
            PartFailedError: when it ends first or takes too long.
        """
        self.child.wait_until(self._is_ready, timeout_seconds=READY_TIMEOUT_SECONDS)

    def _is_ready(self) -> bool:
        """Read the state from the server's own pid file, as `pg_ctl --wait` does."""
        if not self.pid_file.exists():
            return False
        lines = self.pid_file.read_text(encoding="utf-8").splitlines()
        return lines[:1] == [str(self.child.process.pid)] and [line.strip() for line in lines[7:8]] == ["ready"]


def start_postgres(
    data_dir: Path,
    *,
    durable: bool = True,
    avoid_port: int | None = None,
    root_methods: Sequence[RootMethod] = ROOT_METHODS,
    shared_folders: Sequence[Path] = SHARED_FOLDERS,
) -> Postgres:
    """Start the server of this folder; `wait_ready` before using it.

    Args:
        data_dir: the folder, whose lock the caller holds.
        durable: False for tests: faster, and a power cut may lose everything.
        avoid_port: a port that was promised to somebody else a moment ago.
        root_methods: how to get away from root, in order of preference.
        shared_folders: where the account method may make a folder of its own.

    Raises:
        EmbeddedError: when it can't be started.
    """
    processes.stop_previous(data_dir, INIT_NAME, signal.SIGTERM)
    processes.stop_previous(data_dir, NAME, signal.SIGINT)
    state_path = data_dir / "postgres.json"
    state = read_state(state_path)
    home = postgres_home(data_dir, state.get("home"), root_methods=root_methods, shared_folders=shared_folders)
    if not processes.wait_for(
        lambda: next(_processes_of(home.folder), None) is None, timeout_seconds=processes.STOP_TIMEOUT_SECONDS
    ):
        pid = next(_processes_of(home.folder), None)
        raise PartFailedError(f"process {pid} of an earlier PostgreSQL still runs on {home.folder}; stop it by hand")
    password = state.get("password") or secrets.token_urlsafe(24)
    port = free_port(state.get("port"), taken=avoid_port)
    # Before anything is made with them: what a crash interrupts is finished with the same ones.
    write_state(state_path, {"port": port, "password": password, "home": home.remembered})
    cluster = home.folder / "data"
    if not cluster.exists():
        _make_cluster(data_dir, home, password, durable=durable)
    pid_file = cluster / "postmaster.pid"
    if sys.platform == "linux":
        # No process of this cluster is left; a pid that somebody else got since must not stop this start.
        pid_file.unlink(missing_ok=True)
    settings = {**SETTINGS, **({} if durable else NOT_DURABLE), "port": str(port)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    child = _start(NAME, ["postgres", "-D", str(cluster), *options], data_dir, home)
    return Postgres(child, port, password, pid_file)


def _make_cluster(data_dir: Path, home: PostgresHome, password: str, *, durable: bool) -> None:
    """Make it under another name first, so that an interrupted one is never taken for whole."""
    partial = home.folder / "data.partial"
    if partial.exists():
        shutil.rmtree(partial)
    password_file, statement_file = home.folder / "password", home.folder / "create.sql"
    write_private(password_file, password)
    write_private(statement_file, f"CREATE DATABASE {DATABASE}\n")
    home.give(password_file)
    sync = [] if durable else ["--no-sync"]
    arguments = ["-D", str(partial), "-U", ROLE, f"--pwfile={password_file}", *INIT_OPTIONS, *sync]
    processes.run_to_end(
        _start(INIT_NAME, ["initdb", *arguments], data_dir, home, stop_signal=signal.SIGTERM),
        timeout_seconds=INIT_TIMEOUT_SECONDS,
    )
    arguments = ["--single", *([] if durable else ["-F"]), "-D", str(partial), "postgres"]
    processes.run_to_end(
        _start(
            INIT_NAME, ["postgres", *arguments], data_dir, home, stdin_path=statement_file, stop_signal=signal.SIGTERM
        ),
        timeout_seconds=INIT_TIMEOUT_SECONDS,
    )
    password_file.unlink()
    statement_file.unlink()
    partial.rename(home.folder / "data")
    sync_folder(home.folder)


def _start(
    name: str,
    command: list[str],
    data_dir: Path,
    home: PostgresHome,
    *,
    stop_signal: int = signal.SIGINT,  # PostgreSQL's "fast" shutdown: SIGTERM would wait for its clients.
    stdin_path: Path | None = None,
) -> processes.Child:
    return processes.start(
        name,
        [home.programs / command[0], *command[1:]],
        data_dir=data_dir,
        working_dir=home.folder,
        environ={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        stop_signal=stop_signal,
        identity=home.identity,
        stdin_path=stdin_path,
    )


def _processes_of(folder: Path) -> Iterator[int]:
    """Find this cluster's processes: a killed server's backends go on for a moment (Linux only)."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            program, working_dir = (entry / "exe").readlink(), (entry / "cwd").readlink()
        except OSError:  # It has ended, or is another user's.
            continue
        if program.name.removesuffix(" (deleted)") in {"postgres", "initdb"} and working_dir.is_relative_to(folder):
            yield int(entry.name)
