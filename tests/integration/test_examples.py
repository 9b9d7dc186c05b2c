"""What the README and examples/ show works as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import samples

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "report.pdf"
    path.write_bytes(samples.pdf())
    return path


def require(program: str) -> None:
    if shutil.which(program) is None and not os.environ.get("REQUIRE_ALL"):
        pytest.skip(f"{program} is not installed")


@pytest.mark.parametrize(
    "command", [[sys.executable, "upload.py"], ["node", "upload.mjs"]], ids=["python", "javascript"]
)
def test_the_example_uploads_and_reads_back(service, report, command):
    require(command[0])
    environment = {**os.environ, "HOLDFAST_URL": service.base_url, "HOLDFAST_TOKEN": service.token("alice")}
    run = subprocess.run(
        [command[0], str(ROOT / "examples" / command[1]), str(report)],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert f"read back {report.stat().st_size} bytes" in run.stdout


def test_the_curl_lines_of_the_readme_work_as_they_stand(start_service, tmp_path):
    require("curl")
    block = re.search(r"## Use it\n\n```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    lines = [line.partition("  # ")[0] for line in block[1].splitlines()]
    with start_service(auth={"enabled": False}) as service:
        known: str | None = None
        for line in lines:
            command = line.replace("http://localhost:8000", service.base_url).replace(
                "curl ", "curl -sS --fail-with-body "
            )
            command = command.replace("/ID", f"/{known}")
            run = subprocess.run(command, check=False, shell=True, cwd=tmp_path, capture_output=True, text=True)
            assert run.returncode == 0, (line, run.stdout, run.stderr)
            found = re.search(r'"id":"([0-9a-f-]{36})"', run.stdout)
            known = known or (found and found[1])
    assert (tmp_path / "copy.csv").read_text(encoding="utf-8") == "id,name\n1,Ada\n"
