# ruff: noqa: T201 -- what it reports is read in a terminal
"""Runs the integration suite against several S3 servers and writes what it found to docs/stores.md.

    python -m tests.matrix [--store MiniStack --store Swift] [--workers 2] [-- PYTEST_ARGUMENT ...]

The page is written from the last whole run on each store, as soon as all of them have one. Ends with 1 where any test
failed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree as ET

from app.config import StoreSettings
from app.core.capabilities.probes import probe_capabilities
from app.core.s3.adapter import S3
from app.embedded.object_store import AccessKey, ensure_bucket
from tests.matrix.page import StoreResult, page
from tests.matrix.results import ROOT, commit, keep, kept
from tests.support.other_stores import STORES, RunningStore

PAGE = ROOT / "docs" / "stores.md"
BUCKET_NAME = "matrix"
SUITE = "tests/integration"
# About other things than the store: sign-in, limits, the journal, filters, names, heads, commands with a store of
# their own. On every store they would say the same.
STORELESS = (
    "audit/test_audit_callers.py",
    "audit/test_audit_journal.py",
    "audit/test_audit_pages.py",
    "auth",
    "core/test_logs.py",
    "core/test_stale_connections.py",
    "core/test_unstorable_text.py",
    "core/test_wire_types.py",
    "files/test_listing_filters.py",
    "files/test_listing_folders.py",
    "hostile/test_fuzzed_forms.py",
    "hostile/test_hostile_bodies.py",
    "hostile/test_hostile_names.py",
    "hostile/test_hostile_requests.py",
    "hostile/test_leaks.py",
    "hostile/test_mislabelled_files.py",
    "hostile/test_odd_tokens_over_http.py",
    "hostile/test_security_headers.py",
    "quotas/test_quota_limits.py",
    "quotas/test_quota_turmoil.py",
    "rates/test_rate_limits.py",
    "rates/test_rate_storage.py",
    "maintenance/test_maintain_command.py",
    "maintenance/test_purge_races.py",
    "sharing/test_shared_listing.py",
    "test_commands.py",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__.partition("\n")[0])
    parser.add_argument("--store", action="append", choices=STORES, help="all, unless given")
    parser.add_argument("--workers", type=int, default=2, help="processes that share the tests of one store")
    parser.add_argument("pytest_arguments", nargs="*", help="after --")
    given = parser.parse_args()
    workers = ["-n", str(given.workers)]
    results = []
    for name in given.store or STORES:
        results.append(run(name, [*workers, *given.pytest_arguments]))
        if not given.pytest_arguments:
            keep(results[-1])
    if not given.pytest_arguments:
        whole = kept([*STORES])
        if len(whole) == len(STORES):
            PAGE.write_text(page(whole), encoding="utf-8")
            print(f"written: {PAGE.relative_to(ROOT)}")
    for result in results:
        print(
            f"{result.name}: {result.passed} of {result.total} passed in {result.seconds:.0f} s",
            *result.failed,
            sep="\n  ",
        )
    return 0 if all(result.is_green for result in results) else 1


def run(name: str, pytest_arguments: list[str]) -> StoreResult:
    """Start one store, ask what it keeps, then run the suite on it."""
    print(f"==== {name}", flush=True)
    at_commit = commit()
    with tempfile.TemporaryDirectory(prefix="holdfast-matrix-") as folder, STORES[name](Path(folder)) as store:
        capabilities = asyncio.run(probed(store))
        report = Path(folder) / "report.xml"
        left_out = [f"--ignore={SUITE}/{file}" for file in STORELESS]
        command = [sys.executable, "-m", "pytest", SUITE, *left_out, "-q", f"--junitxml={report}", *pytest_arguments]
        started = time.monotonic()
        code = subprocess.run(command, cwd=ROOT, env=os.environ | store.environment(), check=False).returncode
        seconds = time.monotonic() - started
        if code not in {0, 1}:
            raise SystemExit(f"pytest ended with {code} on {name}, before it had run all tests")
        return read_report(name, at_commit, capabilities, seconds, ET.parse(report).getroot())


async def probed(store: RunningStore) -> dict[str, bool]:
    """What a service that uses this store would find out."""
    key = AccessKey(store.access_key_id, store.secret_access_key)
    ensure_bucket(store.endpoint_url, key, BUCKET_NAME)
    settings = StoreSettings(
        _env_file=None,
        bucket_name=BUCKET_NAME,
        endpoint_url=store.endpoint_url,
        access_key_id=key.id,
        secret_access_key=key.secret,
        region=store.region,
    )
    s3 = S3(settings)
    try:
        return await probe_capabilities(s3)
    finally:
        await s3.close(5.0)


def read_report(
    name: str, at_commit: str, capabilities: dict[str, bool], seconds: float, report: ET.Element
) -> StoreResult:
    """Count outcomes; a test that fails and then breaks its teardown too is one failure."""
    failed: dict[str, None] = {}
    skipped, names = 0, set()
    for case in report.iter("testcase"):
        test = f"{case.get('classname')}::{case.get('name')}"
        names.add(test)
        if case.find("failure") is not None or case.find("error") is not None:
            failed[test] = None
        elif case.find("skipped") is not None:
            skipped += 1
    return StoreResult(name, at_commit, capabilities, len(names), skipped, tuple(failed), seconds)


if __name__ == "__main__":
    sys.exit(main())
