# ruff: noqa: T201 -- what it reports is read in a terminal
"""Attacks the service for as long as it takes, and reports what it came to.

    python -m tests.faults --kills 500 [--lanes 3] [--seed N] [--json FILE] [--write] [--without-storms]

Ends with 1 where a promise was broken, or where with REQUIRE_ALL=1 something could not be tried.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from pathlib import Path

from app.embedded.parts import embedded_parts
from tests.faults.harness import Harness
from tests.faults.nursery import ROOT
from tests.faults.page import with_figures

PAGE = ROOT / "docs" / "reliability.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=500, help="that hit unfinished work")
    parser.add_argument("--lanes", type=int, default=2, help="services that are killed beside each other")
    parser.add_argument("--seed", default=str(random.randrange(1_000_000)))
    parser.add_argument("--json", type=Path, help="where the report goes as JSON")
    parser.add_argument("--write", action="store_true", help="the figures into docs/reliability.md, if all is well")
    parser.add_argument("--without-storms", action="store_true", help="kills only")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="holdfast-faults-"))
    memory = Path("/dev/shm")
    with (
        tempfile.TemporaryDirectory(prefix="holdfast-faults-", dir=memory if memory.is_dir() else None) as data_dir,
        embedded_parts(Path(data_dir), {}, durable=False, persist_store=False) as parts,
    ):
        harness = Harness(parts.environment, folder, given.seed)
        harness.report.announce = lambda line: print(line, flush=True)
        harness.run(given.kills, lanes=given.lanes, storm_lanes=0 if given.without_storms else 1)
    report = harness.report
    print(report.as_text())
    if given.json:
        given.json.write_text(json.dumps(report.as_dict(), indent=2) + "\n", encoding="utf-8")
    is_whole = report.kills >= given.kills and not (report.left_out and os.environ.get("REQUIRE_ALL"))
    if given.write and is_whole and not report.wrong and not given.without_storms:
        PAGE.write_text(with_figures(PAGE.read_text(encoding="utf-8"), report), encoding="utf-8")
        print(f"written: {PAGE.name}")
    if report.wrong:
        print(f"again: python -m tests.faults --seed {report.seed}; the services' logs lie in {folder}")
    return 0 if is_whole and not report.wrong else 1


if __name__ == "__main__":
    sys.exit(main())
