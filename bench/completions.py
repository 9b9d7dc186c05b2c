"""What it costs to complete a direct upload, by method and size: from the request to its answer.

Run: python -m bench.completions [--rounds 15]. A `put` is copied inside the store; a `multipart` upload stays where
it is, but its parts are listed and joined. Run it at 218078a too, where a `put` stayed as well. Real store, one client.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from app.cli.database import migrate_to_newest
from app.embedded.parts import embedded_parts
from bench.processes import free_port, process

SIZES_BYTES = {"16 KiB": 16 << 10, "1 MiB": 1 << 20, "64 MiB": 64 << 20}
METHODS = ("put", "multipart")


def ask(method: str, url: str, body: object = None) -> Any:  # noqa: ANN401 -- any JSON
    """One request of the API."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
    with urlopen(request) as answer:
        return json.load(answer)


def send(url: str, headers: dict[str, str], content: bytes) -> None:
    """To the store."""
    urlopen(Request(url, data=content, method="PUT", headers=headers)).close()


def completion_milliseconds(files: str, method: str, content: bytes) -> float:
    """Begin, send, and complete; only the last is timed."""
    wish = {"filename": "data.bin", "content_type": "application/octet-stream", "file_size": len(content)}
    begun = ask("POST", f"{files}/uploads", wish | {"method": method})
    upload, address = begun["upload"], f"{files}/uploads/{begun['file']['id']}"
    if method == "put":
        send(upload["url"], upload["headers"], content)
    else:
        numbers = list(range(1, upload["part_count"] + 1))
        for part in ask("POST", f"{address}/parts", {"part_numbers": numbers})["parts"]:
            first = (part["part_number"] - 1) * upload["part_size"]
            send(part["url"], part["headers"], content[first : first + upload["part_size"]])
    started = time.perf_counter()
    file = ask("POST", f"{address}/complete")
    milliseconds = (time.perf_counter() - started) * 1000
    if file["status"] != "available":
        raise RuntimeError(str(file))
    return milliseconds


def main() -> None:
    """Measure each size by each method, in turn."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=15)
    rounds = arguments.parse_args().rounds
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, embedded_parts(Path(folder) / "parts", {}) as parts:
        migrate_to_newest(parts.environment["DATABASE_URL"])
        serve = {"PORT": str(port), "AUTH_ENABLED": "false", "LOG_LEVEL": "WARNING", "RATE_LIMIT": ""}
        limits = {"S3_MAX_FILE_SIZE_MB": "1024", "S3_ALLOWED_EXTENSIONS": "bin"}
        with process(["-m", "app", "serve"], port, parts.environment | serve | limits):
            files = f"http://127.0.0.1:{port}/api/v1/files"
            print(f"Completing a direct upload, {rounds} rounds, milliseconds: median (min-max)")
            for size, count in SIZES_BYTES.items():
                content = random.Random(count).randbytes(count)
                taken: dict[str, list[float]] = {method: [] for method in METHODS}
                for _ in range(rounds + 1):
                    for method in METHODS:
                        taken[method].append(completion_milliseconds(files, method, content))
                for method, values in taken.items():
                    told = values[1:]  # the first round warms everything up
                    print(f"  {size:>7} {method:9} {statistics.median(told):.0f} ({min(told):.0f}-{max(told):.0f})")


if __name__ == "__main__":
    main()
