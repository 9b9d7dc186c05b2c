"""The service under test: a real uvicorn on a real socket, over a real PostgreSQL and a real S3 server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import uvicorn
from fastapi import FastAPI

from app.cli.server import server_config
from app.config import Settings
from app.main import create_app
from app.modules.auth.principal import DEFAULT_SCOPES
from app.modules.auth.tokens import SecretTokens
from tests.support.eavesdropping import WATCH
from tests.support.taps import Tap

# A port that is free, and no long wait for clients that hold on.
IN_PROCESS = {"server": {"port": 0, "shutdown_grace_seconds": 10}}
SECRET = "a secret of the test suite, long enough for HS256"


@dataclass(frozen=True)
class Service:
    """A running service and how to talk to it."""

    base_url: str
    app: FastAPI
    settings: Settings

    @property
    def port(self) -> int:
        return int(self.base_url.rpartition(":")[2])

    def token(self, subject: str, *, scopes=DEFAULT_SCOPES, ttl_seconds: int = 600) -> str:
        return SecretTokens(self.settings.auth).issue(subject, ttl_seconds=ttl_seconds, scopes=frozenset(scopes))

    def client(self, subject: str | None, **options) -> httpx.Client:
        """A client that calls as `subject`; None calls without a credential."""
        headers = {} if subject is None else {"Authorization": f"Bearer {self.token(subject, **options)}"}
        return httpx.Client(base_url=f"{self.base_url}/api/v1", headers=headers, timeout=60)


def settings_with(base: dict[str, dict], **groups: dict) -> Settings:
    """Settings built from `base`, with single values of groups replaced; no `.env` is read."""
    fields = Settings.model_fields
    assert {*base, *groups} <= fields.keys()
    return Settings(
        **{
            name: field.annotation(
                _env_file=None, **(IN_PROCESS.get(name, {}) | base.get(name, {}) | groups.get(name, {}))
            )
            for name, field in fields.items()
        }
    )


@contextmanager
def running(settings: Settings) -> Iterator[Service]:
    """Serve on a free port of the loopback until the block ends."""
    app = create_app(settings)
    WATCH.learn(settings)
    server = uvicorn.Server(server_config(Tap(app, WATCH), settings))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive(), timeout_seconds=60)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Service(f"http://127.0.0.1:{port}", app, settings)
    finally:
        server.should_exit = True
        thread.join(30)


def wait_until(condition, *, timeout_seconds: float = 15.0) -> None:
    """Wait for something that another thread or process brings about; fail when it doesn't."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("what the test waited for did not happen")
        time.sleep(0.01)
