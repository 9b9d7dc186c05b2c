# ruff: noqa: T201 -- what it reports is read in a terminal
"""Runs the battery and writes its table into docs/security.md: `python -m tests.attacks.framing_page`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.attacks.framing_answers import expected, matches
from tests.attacks.framing_inputs import CASES, GROUPS

ROOT = Path(__file__).parents[2]
SECURITY_PAGE = ROOT / "docs/security.md"
SERVERS = ("direct", "nginx", "HAProxy")
BEGIN, END = "<!-- the framing battery: begin -->", "<!-- the framing battery: end -->"


def table(answers: dict[str, dict[str, str]]) -> str:
    """What was found, a row an input."""
    rows = [f"| input | {' | '.join(SERVERS)} |", "| --- | --- | --- | --- |"]
    for group, cases in GROUPS.items():
        rows.append(f"| **{group}** | | | |")
        for case in cases:
            cells = (answers[server][case.name] for server in SERVERS)
            rows.append(f"| {case.name} | {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="holdfast-framing-") as folder:
        path = Path(folder) / "results"
        command = [sys.executable, "-m", "pytest", "-n0", "-q", "tests/attacks/test_framing.py", "-k", "one_answer"]
        code = subprocess.run(
            command, cwd=ROOT, env=os.environ | {"FRAMING_RESULTS": str(path)}, check=False
        ).returncode
        results = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    answers = {result["server"]: {} for result in results}
    for result in results:
        for case in CASES:
            found, wanted = result["answers"][case.name], expected(case, result["server"])
            # Whether the connection goes on is left out where that is a matter of chance.
            answers[result["server"]][case.name] = wanted if matches(found, wanted) else found
    text = SECURITY_PAGE.read_text()
    new = f"{BEGIN}\n\n{table(answers)}\n\n{END}"
    SECURITY_PAGE.write_text(re.sub(f"{BEGIN}.*?{END}", lambda _match: new, text, flags=re.DOTALL))
    print(f"{SECURITY_PAGE.relative_to(ROOT)}: {len(CASES)} inputs")
    return code


if __name__ == "__main__":
    sys.exit(main())
