"""Reconcile over a million keys: how long it takes, and how much memory the process that does it needs at most.

Run: python -m bench.reconcile [--keys 1000000]. The pages come from `bench.listing_store`, as a store sends them; the
ledger has a row of each key but for five, and five that the bucket hasn't.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import asyncpg

from app.cli.database import migrate_to_newest
from app.embedded.parts import embedded_parts
from bench.listing_store import DIFFERENCES
from bench.processes import free_port, process

FILL = """
    INSERT INTO stored_objects (id, key, file_id, role, state, size_bytes, etag)
    SELECT gen_random_uuid(),
           'documents/2026/11/21/' || lpad(n::text, 8, '0') || '-0000-4000-8000-000000000000_quarterly_report.pdf',
           gen_random_uuid(), 'content', 'stored', 182044, '"5d41402abc4b2a76b9719d911017c592"'
    FROM generate_series(0, $1::int - 1) n
"""
EXPECTED = {"unknown objects": DIFFERENCES, "missing objects": DIFFERENCES}


async def fill(url: str, keys: int) -> None:
    """One row a key, in one statement."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute(FILL, keys, timeout=600)
    await connection.execute("VACUUM ANALYZE stored_objects", timeout=600)
    await connection.close()


def reconcile(environ: dict[str, str]) -> tuple[dict[str, object], float, float]:
    """Run the command; returns its report, seconds, and its peak of memory in MiB."""
    command = [sys.executable, "-m", "app", "maintain", "reconcile", "--dry-run", "--json"]
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(command, env={**os.environ, **environ}, stdout=output)
        _, _, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        output.seek(0)
        report: dict[str, object] = json.load(output)["reports"][0]
    return report, seconds, usage.ru_maxrss / 1024


def main() -> None:
    """Fill, reconcile, compare what was found with what was planted."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--keys", type=int, default=1_000_000)
    keys = arguments.parse_args().keys
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, embedded_parts(Path(folder) / "parts", {}) as parts:
        url = parts.environment["DATABASE_URL"]
        migrate_to_newest(url)
        asyncio.run(fill(url, keys))
        store = {"S3_ENDPOINT_URL": f"http://127.0.0.1:{port}", "S3_BUCKET_NAME": "bench"}
        with process(["-m", "bench.listing_store", str(port), str(keys)], port, {}):
            report, seconds, mebibytes = reconcile(parts.environment | store)
    found = {each["name"]: each["found"] for each in report["findings"] if each["found"]}  # type: ignore[attr-defined]
    print(f"{report['looked_at']} in {seconds:.0f} s, at most {mebibytes:.0f} MiB; found {found}")
    if found != EXPECTED:
        raise SystemExit(f"expected {EXPECTED}")


if __name__ == "__main__":
    main()
