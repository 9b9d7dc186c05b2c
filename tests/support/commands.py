"""The commands as people type them: each a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx

from app.embedded.ports import free_port
from tests.support.service import wait_until

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m app ARGUMENTS`, with nothing in its environment but what is given."""
    command = [sys.executable, "-m", "app", *arguments]
    variables = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


@contextmanager
def development_service(data_dir: Path, **environment: str):
    """`python -m app dev`, as `make run` starts it; stopped with SIGTERM."""
    port = free_port()
    variables = {"PATH": os.environ["PATH"], "DATA_DIR": str(data_dir), "PORT": str(port), **environment}
    log = data_dir.parent / f"dev-{port}.log"
    with log.open("w") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "app", "dev"], env=variables, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        wait_until(lambda: "Try:" in log.read_text() or child.poll() is not None, timeout_seconds=90)
        assert child.poll() is None, log.read_text()
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1") as client:
            yield client, log.read_text(), child
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(30)
