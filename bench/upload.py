"""One 256 MiB file: through Holdfast, through the tutorial's way, and by boto3 straight to the store.

Run: make bench [ARGS="--rounds 5 --mebibytes 256"]. Order alternates; a ratio is that of one round to
boto3's time in the same round. Once against a real S3 server, once against one that discards bytes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

from app.cli.database import migrate_to_newest
from app.core.capabilities.store import NAMES
from app.embedded.parts import embedded_parts
from bench.processes import MemoryGrowth, free_port, health_while, process, send_form

UPLOAD_PATH = "/api/v1/files/upload"


def spread(values: list[float], unit: str = "") -> str:
    """Median with minimum and maximum."""
    return f"{statistics.median(values):.2f}{unit} ({min(values):.2f}-{max(values):.2f})"


def direct(file: Path, environ: Mapping[str, str]) -> tuple[float, float]:
    """boto3's own upload_file in a process of its own: seconds, MiB."""
    command = [sys.executable, "-m", "bench.direct", str(file)]
    printed = subprocess.run(command, env={**os.environ, **environ}, check=True, capture_output=True, text=True).stdout
    seconds, growth = printed.split()
    return float(seconds), float(growth)


def measure(
    title: str, file: Path, rounds: int, environ: dict[str, str], *, uploads_with_health: tuple[int, ...]
) -> None:
    """All three ways in turn against one store."""
    ours, tutorial = free_port(), free_port()
    serve = {"PORT": str(ours), "AUTH_ENABLED": "false", "LOG_LEVEL": "WARNING", "RATE_LIMIT": ""}
    limits = {"S3_MAX_FILE_SIZE_MB": "1024", "S3_ALLOWED_EXTENSIONS": "bin"}
    uvicorn = ["-m", "uvicorn", "bench.tutorial:app", "--port", str(tutorial), "--log-level", "warning"]
    with (
        process(["-m", "app", "serve"], ours, environ | serve | limits) as ours_pid,
        process(uvicorn, tutorial, environ) as tutorial_pid,
    ):
        memory = {"Holdfast": MemoryGrowth(ours_pid), "tutorial": MemoryGrowth(tutorial_pid)}
        seconds: dict[str, list[float]] = defaultdict(list)
        growth: dict[str, list[float]] = defaultdict(list)

        def over_http(name: str, port: int, path: str) -> None:
            memory[name].begin()
            seconds[name].append(send_form(port, path, file, "file.bin"))
            growth[name].append(memory[name].mebibytes())

        def by_boto3() -> None:
            taken, grown = direct(file, environ)
            seconds["boto3"].append(taken)
            growth["boto3"].append(grown)

        ways: list[Callable[[], None]] = [
            lambda: over_http("Holdfast", ours, UPLOAD_PATH),
            by_boto3,
            lambda: over_http("tutorial", tutorial, "/upload"),
        ]
        for number in range(rounds + 1):
            for way in ways if number % 2 else reversed(ways):
                way()
            if number == 0:  # the first round warms everything up
                seconds.clear()
                growth.clear()
        print(f"\n{title}: {file.stat().st_size >> 20} MiB, {rounds} rounds, median (min-max)")
        for name, values in seconds.items():
            ratios = [mine / peer for mine, peer in zip(values, seconds["boto3"], strict=True)]
            print(
                f"  {name:9} {spread(values, ' s'):24} ratio {spread(ratios):20} memory +{spread(growth[name], ' MiB')}"
            )
        for count in uploads_with_health:
            for name, port, path in (("Holdfast", ours, UPLOAD_PATH), ("tutorial", tutorial, "/upload")):
                latencies = health_while(port, count, path, file)
                worst, middle = max(latencies), statistics.median(latencies)
                print(f"  {name:9} /health while {count} uploads run: median {middle:.1f} ms, worst {worst:.0f} ms")


def main() -> None:
    """Measure against both stores."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--mebibytes", type=int, default=256)
    arguments.add_argument("--only", choices=["real", "discard"])
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "file.bin"
        with file.open("wb") as stream:
            for _ in range(options.mebibytes):
                stream.write(os.urandom(1 << 20))
        with embedded_parts(Path(folder) / "parts", {}, durable=True, persist_store=True) as parts:
            migrate_to_newest(parts.environment["DATABASE_URL"])
            if options.only != "discard":
                measure("Real store (MiniStack)", file, options.rounds, parts.environment, uploads_with_health=(4, 8))
            if options.only != "real":
                port = free_port()
                # There is nothing to find out about a store that keeps nothing.
                pinned = ",".join(f"{name}=false" for name in NAMES)
                address = {"S3_ENDPOINT_URL": f"http://127.0.0.1:{port}", "S3_CAPABILITIES": pinned}
                discarding = parts.environment | address
                with process(["-m", "bench.discard_store", str(port)], port, {}):
                    measure("Discarding store", file, options.rounds, discarding, uploads_with_health=(4, 8))


if __name__ == "__main__":
    main()
