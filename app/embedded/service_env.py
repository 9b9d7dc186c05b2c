"""`DATA_DIR/service.env`, through which other commands find the running parts, and the lock of the folder."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dotenv import dotenv_values

from app.embedded.exceptions import EmbeddedError, FolderBusyError
from app.embedded.processes import ProcessId
from app.embedded.state import write_private

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FILE_NAME = "service.env"
LOCK_NAME = "lock"


@dataclass(frozen=True)
class ServiceEnv:
    """What `service.env` says: the variables of the app, and the processes by name (HOLDFAST, POSTGRES, STORE)."""

    variables: dict[str, str]
    processes: dict[str, ProcessId]


def write_service_env(data_dir: Path, variables: Mapping[str, str], processes: Mapping[str, ProcessId]) -> Path:
    """Replace the file, mode 0600, so that a shell's `. service.env` and a dotenv parser read the same.

    Raises:
        EmbeddedError: when a value can't be written for both.
    """
    values = dict(variables)
    for name, process in processes.items():
        values |= {f"{name}_PID": str(process.pid), f"{name}_START_TIME": process.start_time}
    path = data_dir / FILE_NAME
    write_private(path, "".join(f"{name}={_quoted(name, value)}\n" for name, value in values.items()))
    return path


def read_service_env(data_dir: Path) -> ServiceEnv | None:
    """Read the file; None when there is none. The processes it names may have ended since."""
    path = data_dir / FILE_NAME
    if not path.exists():
        return None
    values = {name: value or "" for name, value in dotenv_values(path, interpolate=False).items()}
    processes = {}
    for name in ("HOLDFAST", "POSTGRES", "STORE"):
        process = ProcessId.parse(f"{values.pop(f'{name}_PID', '')} {values.pop(f'{name}_START_TIME', '')}")
        if process is not None:
            processes[name] = process
    return ServiceEnv(values, processes)


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold the folder for this process; the kernel gives it back however the process ends.

    Raises:
        FolderBusyError: when another process holds it; the message names its pid.
    """
    descriptor = os.open(data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            text = os.read(descriptor, 32).decode("ascii").strip()
            pid = int(text) if text else None
            raise FolderBusyError(
                f"{data_dir} is in use by process {pid or '(just starting)'}: stop it, or choose another DATA_DIR",
                holder_pid=pid,
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


def _quoted(name: str, value: str) -> str:
    """Quote a value in the way that shells and dotenv parsers have in common."""
    if "'" not in value and "\\" not in value:
        return f"'{value}'"
    if not set(value) & set("$`!"):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    raise EmbeddedError(f"{name} can't be kept in {FILE_NAME}: a quote or backslash together with $, ` or !")
