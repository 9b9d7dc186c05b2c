"""How many direct uploads a second can be begun: Holdfast's, with a row each, and the tutorial's rowless endpoint.

Run: python -m bench.offers [--rounds 5 --requests 400]. Eight clients, one process each of service and peer, and
one of the clients. Processor time is told too: on a machine that others use, it says more than the clock.
"""

from __future__ import annotations

import argparse
import http.client
import json
import tempfile
import threading
import time
from pathlib import Path

from app.cli.database import migrate_to_newest
from app.embedded.parts import embedded_parts
from bench.processes import cpu_seconds, free_port, process
from bench.upload import spread

CLIENTS = 8
WISH = json.dumps({"filename": "report.pdf", "content_type": "application/pdf", "file_size": 182_044})


def per_second(port: int, path: str, body: str, requests: int) -> float:
    """Requests answered a second by one process that eight clients ask."""

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for _ in range(requests // CLIENTS):
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status not in {200, 201}:
                raise RuntimeError(text.decode())
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return requests / (time.perf_counter() - started)


def main() -> None:
    """Measure both in turn."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--requests", type=int, default=400)
    options = arguments.parse_args()
    ours, tutorial = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder, embedded_parts(Path(folder) / "parts", {}) as parts:
        migrate_to_newest(parts.environment["DATABASE_URL"])
        serve = {"PORT": str(ours), "AUTH_ENABLED": "false", "LOG_LEVEL": "WARNING", "RATE_LIMIT": ""}
        uvicorn = ["-m", "uvicorn", "bench.tutorial:app", "--port", str(tutorial), "--log-level", "warning"]
        with (
            process(["-m", "app", "serve"], ours, parts.environment | serve) as our_pid,
            process(uvicorn, tutorial, parts.environment) as tutorial_pid,
        ):
            asked = {
                "Holdfast": (our_pid, ours, "/api/v1/files/uploads", WISH),
                "tutorial": (tutorial_pid, tutorial, "/presign?filename=report.pdf", ""),
            }
            rates: dict[str, list[float]] = {name: [] for name in asked}
            cpu: dict[str, list[float]] = {name: [] for name in asked}
            for _ in range(options.rounds + 1):
                for name, (pid, port, path, body) in asked.items():
                    before = cpu_seconds(pid)
                    rates[name].append(per_second(port, path, body, options.requests))
                    cpu[name].append((cpu_seconds(pid) - before) / options.requests * 1_000_000)
    ratios = [mine / peer for mine, peer in zip(rates["Holdfast"][1:], rates["tutorial"][1:], strict=True)]
    print(f"Uploads begun a second, {CLIENTS} clients, {options.rounds} rounds, median (min-max)")
    for name, values in rates.items():
        print(f"  {name:9} {spread(values[1:])}   microseconds of CPU each: {spread(cpu[name][1:])}")
    print(f"  ratio     {spread(ratios)}")


if __name__ == "__main__":
    main()
