"""Starts the service's commands as processes of their own, in a tenth of the time: forked after the imports.

It reads one order a line from standard input and answers each by one line; it ends with its input, and so do
the processes that it started. `python -m app serve` itself takes a second or two, most of it imports.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Obey orders until the input ends."""
    from app.cli import app  # noqa: PLC0415 -- the parent, which imports this module, does without
    from app.main import create_app  # noqa: F401, PLC0415 -- likewise; imported for what it takes

    children: set[int] = set()
    print("ready", flush=True)  # noqa: T201 -- the answer
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            children.discard(order["wait"])
            print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 -- the answer
            continue
        pid = os.fork()
        if pid == 0:
            _become(app, order)
        children.add(pid)
        print(pid, flush=True)  # noqa: T201 -- the answer
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _become(app, order: dict) -> None:
    code = 1
    try:
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(order["folder"])  # where no `.env` lies
        os.environ.clear()
        os.environ.update(order["environment"])
        app(order["arguments"], standalone_mode=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(code)


@dataclass(frozen=True)
class Process:
    """One that the nursery started."""

    pid: int
    _descriptor: int
    _nursery: Nursery

    def kill(self) -> None:
        """SIGKILL; returns when it is dead."""
        self.signal(signal.SIGKILL)
        self.wait()

    def signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, number)

    def has_ended(self) -> bool:
        """Whether it is dead."""
        return bool(select.select([self._descriptor], [], [], 0)[0])

    def wait(self, timeout_seconds: float = 60.0) -> bool:
        """Wait for its end; False when it takes longer."""
        return bool(select.select([self._descriptor], [], [], timeout_seconds)[0])

    def exit_code(self) -> int:
        """With which code it ended; asked once, when it has."""
        os.close(self._descriptor)
        return int(self._nursery.order({"wait": self.pid}))


class Nursery:
    """The nursery as its user sees it; Linux only, as the descriptors of processes are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._is_ready = False

    def start(self, *arguments: str, environment: dict[str, str]) -> Process:
        """Start a command of the service."""
        log = str(self._folder / f"{arguments[0]}.log")
        order = {"arguments": arguments, "environment": environment, "log": log, "folder": str(self._folder)}
        pid = int(self.order(order))
        return Process(pid, os.pidfd_open(pid), self)

    def order(self, order: dict) -> str:
        """Give one order and take the answer."""
        if not self._is_ready:
            assert self._child.stdout.readline() == "ready\n"
            self._is_ready = True
        self._child.stdin.write(json.dumps(order) + "\n")
        self._child.stdin.flush()
        return self._child.stdout.readline()

    def close(self) -> None:
        """End it with all that it started."""
        self._child.stdin.close()
        self._child.wait(30)
        self._child.stdout.close()


if __name__ == "__main__":
    main()
