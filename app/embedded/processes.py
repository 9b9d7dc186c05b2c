"""Children of the launcher: started so that they die with it, recorded so that they are found again.

On Linux the kernel signals a child when the thread that started it ends (`child.py`): start children
from a thread that lives as long as they are needed, such as the main one. macOS has no such signal;
there a child outlives a killed launcher until the next start on the same folder stops it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.embedded.exceptions import PartFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

CHILD_SCRIPT = Path(__file__).with_name("child.py")
STOP_TIMEOUT_SECONDS = 15.0
KILL_TIMEOUT_SECONDS = 5.0
END_SECONDS = 1.0
POLL_SECONDS = 0.01
LOG_TAIL_BYTES = 2000


@dataclass(frozen=True)
class ProcessId:
    """A pid with the start time of its process, so that a reused pid is never taken for it."""

    pid: int
    start_time: str

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """Look a living process up; None when there is none (a zombie counts as dead)."""
        start_time = _start_time(pid)
        return None if start_time is None else cls(pid, start_time)

    @classmethod
    def parse(cls, text: str) -> ProcessId | None:
        """Read what `str()` wrote; None for anything else."""
        pid, _, start_time = text.strip().partition(" ")
        return cls(int(pid), start_time) if pid.isdecimal() and start_time else None

    def __str__(self) -> str:
        return f"{self.pid} {self.start_time}"

    def is_running(self) -> bool:
        """Tell whether that very process is alive."""
        return _start_time(self.pid) == self.start_time

    def signal(self, number: int) -> None:
        """Send a signal, if the process is still the one that was recorded."""
        if self.is_running():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return  # It ended between the look and the signal, which is what the caller wants.


@dataclass(frozen=True)
class Child:
    """A running part: its process, its record on disk and its log."""

    name: str
    process: subprocess.Popen[bytes]
    id: ProcessId
    log_path: Path
    stop_signal: int

    def wait_until(self, is_done: Callable[[], bool], *, timeout_seconds: float) -> None:
        """Poll until `is_done`.

        Raises:
            PartFailedError: when the child ends first, or time runs out; with the tail of the log.
        """
        deadline = time.monotonic() + timeout_seconds
        while not is_done():
            code = self.process.poll()
            if code is not None:
                raise self.failure(f"ended with code {code}")
            if time.monotonic() > deadline:
                raise self.failure(f"was not ready after {timeout_seconds:.0f} s")
            time.sleep(POLL_SECONDS)

    def failure(self, what: str) -> PartFailedError:
        """Make the error that says what happened and what the child wrote last."""
        tail = self.log_path.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").strip()
        return PartFailedError(f"{self.name} {what}; the end of {self.log_path}:\n{tail}")


def start(
    name: str,
    command: Sequence[str | Path],
    *,
    data_dir: Path,
    working_dir: Path,
    environ: Mapping[str, str],
    stop_signal: int,
    identity: str = "same",
    stdin_path: Path | None = None,
) -> Child:
    """Start a program in a session of its own (the terminal's Ctrl-C is not for it) and record its pid."""
    log_path = data_dir / "logs" / f"{name}.log"
    log_path.parent.mkdir(mode=0o700, exist_ok=True)
    if log_path.exists():
        log_path.replace(log_path.with_suffix(".previous.log"))
    wrapper = [sys.executable, "-I", "-S", str(CHILD_SCRIPT), str(os.getpid()), str(int(stop_signal)), identity]
    with log_path.open("xb") as log, (stdin_path or Path(os.devnull)).open("rb") as stdin:
        log_path.chmod(0o600)
        process = subprocess.Popen(
            [*wrapper, *map(str, command)],
            cwd=working_dir,
            env=dict(environ),
            stdin=stdin,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    process_id = ProcessId.of(process.pid) or ProcessId(process.pid, "ended")
    _record_path(data_dir, name).write_text(str(process_id), encoding="ascii")
    return Child(name, process, process_id, log_path, stop_signal)


def run_to_end(child: Child, *, timeout_seconds: float) -> None:
    """Wait for a child that has to end by itself.

    Raises:
        PartFailedError: when it ends with an error or not in time.
    """
    try:
        code = child.process.wait(timeout_seconds)
    except subprocess.TimeoutExpired as error:
        stop([child])
        raise child.failure(f"did not end within {timeout_seconds:.0f} s") from error
    if code != 0:
        raise child.failure(f"ended with code {code}")


def stop(children: Iterable[Child]) -> None:
    """Ask all to end, together; kill those that don't."""
    running = [child for child in children if child.process.poll() is None]
    for child in running:
        child.process.send_signal(child.stop_signal)
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
    for child in running:
        try:
            child.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait(KILL_TIMEOUT_SECONDS)


def end_at_once(children: Iterable[Child]) -> None:
    """Ask all to end, and kill those that haven't after a second."""
    running = [child for child in children if child.process.poll() is None]
    for child in running:
        child.process.send_signal(child.stop_signal)
    wait_for(lambda: all(child.process.poll() is not None for child in running), timeout_seconds=END_SECONDS)
    for child in running:
        child.process.kill()


def stop_previous(data_dir: Path, name: str, stop_signal: int) -> None:
    """Wait for the child of an earlier launcher that was killed, which is still shutting down.

    Raises:
        PartFailedError: when it does not even end when killed.
    """
    path = _record_path(data_dir, name)
    record = ProcessId.parse(path.read_text(encoding="ascii")) if path.exists() else None
    if record is None:
        return
    record.signal(stop_signal)
    if not wait_for(lambda: not record.is_running(), timeout_seconds=STOP_TIMEOUT_SECONDS):
        record.signal(signal.SIGKILL)
        if not wait_for(lambda: not record.is_running(), timeout_seconds=KILL_TIMEOUT_SECONDS):
            raise PartFailedError(f"{name} of an earlier start (pid {record.pid}) does not end; stop it by hand")


def wait_for(is_done: Callable[[], bool], *, timeout_seconds: float) -> bool:
    """Poll until `is_done`; False when time ran out."""
    deadline = time.monotonic() + timeout_seconds
    while not is_done():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _record_path(data_dir: Path, name: str) -> Path:
    return data_dir / f"{name}.pid"


def _start_time(pid: int) -> str | None:
    if sys.platform != "linux":
        shown = subprocess.run(
            ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout.split()
        return None if not shown or shown[0].startswith("Z") else "-".join(shown[1:])
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *numbers = text.rpartition(")")[2].split()
    return None if state in {"Z", "X"} else numbers[18]
