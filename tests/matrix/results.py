"""What whole runs found, kept between them: a store that failed is run again without the others."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

from tests.matrix.page import StoreResult

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".matrix"


def keep(result: StoreResult) -> None:
    """Remember the last whole run on a store."""
    FOLDER.mkdir(exist_ok=True)
    _path(result.name).write_text(json.dumps(asdict(result), indent=2), encoding="utf-8")


def kept(names: list[str]) -> list[StoreResult]:
    """The last whole run on each of these stores that has one."""
    found = [json.loads(_path(name).read_text(encoding="utf-8")) for name in names if _path(name).exists()]
    return [StoreResult(**each | {"failed": tuple(each["failed"])}) for each in found]


def commit() -> str:
    """What is run: the commit, with a `+` where files differ from it."""
    described = ["git", "describe", "--always", "--exclude=*", "--dirty=+"]
    return subprocess.run(described, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def _path(name: str) -> Path:
    return FOLDER / f"{name}.json"
