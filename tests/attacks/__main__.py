# ruff: noqa: T201 -- what it reports is read in a terminal
"""Runs today's attacks against the service of another revision and tells which of them succeed there.

    python -m tests.attacks REVISION [PYTEST_ARGUMENT ...]

An attack succeeds where its test fails: `python -m tests.attacks 218078a` names all that the guards of today stop.
Without the path of a file it runs all of them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main(revision: str, *pytest_arguments: str) -> int:
    with tempfile.TemporaryDirectory(prefix="holdfast-attacks-") as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(tree), revision], cwd=ROOT, check=True)
        try:
            shutil.rmtree(tree / "tests")
            shutil.copytree(
                ROOT / "tests", tree / "tests", ignore=shutil.ignore_patterns("node_modules", "__pycache__")
            )
            # The proxies in front are the attackers' tools, too.
            shutil.copytree(ROOT / "deploy", tree / "deploy", dirs_exist_ok=True)
            for environment in ROOT.glob(".venv*"):
                (tree / environment.name).symlink_to(environment)
            names_tests = any(argument.startswith("tests/") for argument in pytest_arguments)
            chosen = pytest_arguments if names_tests else ("tests/attacks", *pytest_arguments)
            command = [sys.executable, "-m", "pytest", "-n0", "-q", "--tb=line", *chosen]
            code = subprocess.run(command, cwd=tree, check=False).returncode
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=ROOT, check=True)
    print(f"against {revision}: each FAILED above is an attack that succeeds there; an ERROR proves nothing")
    return 0 if code in {0, 1} else code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
