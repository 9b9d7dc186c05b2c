"""The environment that commands work in: the shell's, `.env`, and the embedded parts' own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dotenv import dotenv_values

from app.cli.stopping import Stopping
from app.config import ENV_FILE, Settings
from app.embedded.parts import attached_parts
from app.embedded.processes import Child, end_at_once

DEFAULT_DATA_DIR = ".data"


def found_environment() -> dict[str, str]:
    """The shell's variables above those of `.env`; empty ones are left out where that means that they aren't set."""
    meant_empty = Settings.meant_empty()
    return {
        name: value
        for variables in (dotenv_values(ENV_FILE), os.environ)
        for name, value in variables.items()
        if value or (value is not None and name in meant_empty)
    }


def data_dir(environ: dict[str, str]) -> Path:
    """Where the embedded parts keep everything."""
    return Path(environ.get("DATA_DIR", DEFAULT_DATA_DIR))


@contextmanager
def attached(stopping: Stopping | None = None) -> Iterator[None]:
    """Let a command use the parts that `dev` runs, or start them for as long as it takes."""
    environ = found_environment()
    children: list[Child] = []
    if stopping is not None:
        stopping.before_force(lambda: end_at_once(children))
    with attached_parts(data_dir(environ), environ, children=children) as parts:
        os.environ.update(environ)
        parts.apply(os.environ)
        yield


def settings_without_callers(*, env_file: str | None = ENV_FILE) -> Settings:
    """All settings, for commands that serve nobody and so need no way to sign in."""
    os.environ["AUTH_ENABLED"] = "false"
    return Settings.from_environment(env_file=env_file)
