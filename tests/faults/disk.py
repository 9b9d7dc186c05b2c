"""The full disk, in a mount namespace of its own: a small file system below the database, which nobody else sees.

Run by `run_full_disk`; as a program it is what runs in that namespace and prints its report as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.faults.lane import open_lane
from tests.faults.nursery import ROOT
from tests.faults.report import Report
from tests.faults.storms import PATIENCE, own_postgres, weather_full_disk

SIZE = "160m"
SCRIPT = 'mount -t tmpfs -o size="$1",mode=0700 tmpfs "$2" && shift 2 && exec "$@"'
WAYS = (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"])


def way_in() -> list[str] | None:
    """How to get a namespace in which something may be mounted; None where there is none."""
    for way in WAYS:
        if os.geteuid() != 0 and way is WAYS[0]:
            continue
        try:
            tried = subprocess.run(
                [*way, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, timeout=10, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if tried.returncode == 0:
            return way
    return None


def run_full_disk(
    parts: dict[str, str], folder: Path, capabilities: dict[str, bool], seed: str
) -> tuple[dict | None, str]:
    """Run it; returns the round as plain values, or None and why it can't be run here."""
    way = way_in()
    if way is None:
        return None, "the full disk: this machine lets nobody mount a file system in a namespace of its own"
    folder.mkdir(parents=True, exist_ok=True)
    mount = folder / "small"
    mount.mkdir()
    given = json.dumps({"parts": parts, "mount": str(mount), "capabilities": capabilities, "seed": seed})
    command = [*way, "sh", "-c", SCRIPT, "sh", SIZE, str(mount), sys.executable, "-m", "tests.faults.disk", given]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
    if done.returncode != 0:
        return {"name": "the full disk", "wrong": [f"it broke off: {done.stderr[-3000:]}"]}, ""
    return json.loads(done.stdout.splitlines()[-1]), ""


def main(given: dict) -> dict:
    """In the namespace: all of it, with a database on the small file system."""
    mount = Path(given["mount"])
    report = Report(given["seed"])
    with own_postgres(mount / "database") as postgres:
        parts = given["parts"] | {"DATABASE_URL": postgres.server.url}
        with open_lane("full disk", parts, mount / "logs", given["capabilities"], given["seed"], **PATIENCE) as lane:
            done = weather_full_disk(lane, postgres)
            report.add_witness(lane.witness)
    return {"name": done.name, "wrong": done.wrong, "acknowledged": report.acknowledged, "answers": report.answers}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))  # noqa: T201 -- the answer
