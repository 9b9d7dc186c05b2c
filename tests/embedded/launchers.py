"""A launcher in a process of its own, and what a test asks a database and a bucket."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import asyncpg

from app.embedded.object_store import AccessKey, s3_client
from app.embedded.processes import wait_for
from app.embedded.service_env import read_service_env

ROOT = Path(__file__).parents[2]
FAST = ("durable=False",)


@dataclass
class Launcher:
    """A launcher that is ready (`said`) or has ended (`error`)."""

    process: subprocess.Popen[str]
    data_dir: Path
    said: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def environment(self) -> dict[str, str]:
        environment: dict[str, str] = self.said["environment"]
        return environment

    @property
    def children(self) -> list[int]:
        service = read_service_env(self.data_dir)
        assert service is not None
        return [process.pid for name, process in service.processes.items() if name != "HOLDFAST"]

    @classmethod
    def start(
        cls, data_dir: Path, *options: str, kind: str = "embedded", environ: dict[str, str] | None = None
    ) -> Self:
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("launcher.py")), str(data_dir), kind, *options],
            env=kept | {"PYTHONPATH": str(ROOT)} | (environ or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return cls(process, data_dir)

    def wait_ready(self) -> Self:
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        line = self.process.stdout.readline()
        if line:
            self.said = json.loads(line)
        else:
            self.error = self.process.stderr.read()
            self.process.wait(10)
        return self

    def stop(self) -> None:
        self.process.communicate(timeout=30)

    def close(self) -> None:
        if self.process.poll() is None:
            self.stop()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


def run_sql(url: str, statement: str) -> Any:
    """Run one statement on a loop of its own, in a thread of its own: the suite's loop stays as it is."""

    async def ask() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(ask())).result(30)


def bucket(environment: dict[str, str], *, secret: str | None = None) -> Any:
    """Make a client for the store of a launcher."""
    key = AccessKey(environment["S3_ACCESS_KEY_ID"], secret or environment["S3_SECRET_ACCESS_KEY"])
    return s3_client(environment["S3_ENDPOINT_URL"], key)


def put_something(environment: dict[str, str]) -> None:
    run_sql(environment["DATABASE_URL"], "CREATE TABLE IF NOT EXISTS note (text text)")
    run_sql(environment["DATABASE_URL"], "INSERT INTO note VALUES ('kept')")
    bucket(environment).put_object(Bucket="holdfast", Key="a/note.txt", Body=b"kept")


def assert_something_is_there(environment: dict[str, str]) -> None:
    assert run_sql(environment["DATABASE_URL"], "SELECT text FROM note") == "kept"
    assert bucket(environment).get_object(Bucket="holdfast", Key="a/note.txt")["Body"].read() == b"kept"


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def all_end(pids: list[int], timeout_seconds: float = 15) -> bool:
    return wait_for(lambda: not any(is_alive(pid) for pid in pids), timeout_seconds=timeout_seconds)
