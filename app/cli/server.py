"""`serve` for production, `dev` for a machine that has nothing but Python."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from app.cli.database import migrate_to_newest
from app.cli.environment import data_dir, found_environment
from app.cli.stopping import DEFAULT_GRACE_SECONDS, Stopping
from app.config import Settings
from app.config.values import is_loopback
from app.core.deadline import Deadline
from app.core.http_protocol import BoundedHttpProtocol
from app.core.logging import configure_logging
from app.embedded.environment import RunningParts
from app.embedded.object_store import ANY_LOCAL_ORIGIN
from app.embedded.parts import embedded_parts
from app.embedded.processes import Child, end_at_once
from app.main import create_app

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", "8000"
# Shares of the time to stop that are kept: for requests, while readiness is red already; for undoing what was cut off.
DELAY_RESERVE = 0.5
REQUESTS_RESERVE = 0.3


def serve() -> None:
    """Serve with the settings given. Migrates nothing, starts nothing else."""
    settings = Settings.from_environment()
    stopping = Stopping(Deadline(settings.server.shutdown_grace_seconds))
    with stopping.listening():
        _run(settings, stopping)


def dev() -> None:
    """Serve on an embedded PostgreSQL and S3 server wherever the settings name none; keep everything in DATA_DIR."""
    environ = found_environment()
    stopping = Stopping(Deadline(_grace_seconds(environ)))
    with stopping.listening():
        _serve_with_parts(environ, stopping)


def _serve_with_parts(environ: dict[str, str], stopping: Stopping) -> None:
    host, port = environ.get("HOST", DEFAULT_HOST), environ.get("PORT", DEFAULT_PORT)
    children: list[Child] = []
    stopping.before_force(lambda: end_at_once(children))
    with embedded_parts(data_dir(environ), environ, http_host=host, http_port=int(port), children=children) as parts:
        # From here on the environment is all there is: `.env`, read again, could name another store beside ours.
        os.environ.update(environ)
        parts.apply(os.environ)
        is_local = parts.embedded_database and parts.embedded_store and is_loopback(host)
        if is_local and not environ.keys() & {"AUTH_ENABLED", "AUTH_JWT_SECRET", "AUTH_JWKS_URL"}:
            os.environ["AUTH_ENABLED"] = "false"
            # Nobody but whoever typed it calls, and a page of thumbnails is no attack.
            os.environ.setdefault("RATE_LIMIT", "")
            os.environ.setdefault("RATE_LIMIT_IDS", "")
        if parts.embedded_store:
            os.environ.setdefault("CORS_ORIGINS", ",".join(ANY_LOCAL_ORIGIN))
        os.environ.setdefault("LOG_FORMAT", "console")
        settings = Settings.from_environment(env_file=None)
        if parts.embedded_database:
            migrate_to_newest(settings.database.url.get_secret_value())
        _run(settings, stopping, banner=_banner(settings, parts))


def _grace_seconds(environ: dict[str, str]) -> float:
    """Known before the other settings are, which the parts complete; a wrong value stops the start with them."""
    given = environ.get("SHUTDOWN_GRACE_SECONDS", "")
    return float(given) if given.isdecimal() else float(DEFAULT_GRACE_SECONDS)


class _Server(uvicorn.Server):
    """Says what runs once it really answers, and turns readiness red as soon as it is told to stop."""

    def __init__(self, app: FastAPI, settings: Settings, banner: str | None, deadline: Deadline) -> None:
        super().__init__(server_config(app, settings))
        self._app = app
        self._banner = banner
        # Nobody balances what somebody runs by hand.
        self._delay_seconds = 0.0 if banner else settings.server.shutdown_delay_seconds
        self._deadline = deadline

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `Stopping`, which listens for longer than a server runs."""
        yield

    def stop(self) -> None:
        """Begin to shut down."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._banner and self.started:
            print(self._banner, flush=True)  # noqa: T201 -- for the person who typed `make run`

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.readiness.is_stopping = True
        # Whoever sends requests here has to see it first.
        await asyncio.sleep(min(self._delay_seconds, self._deadline.left_seconds(reserve=DELAY_RESERVE)))
        # Requests that are cut off then still have time to undo what they did.
        self.config.timeout_graceful_shutdown = self._deadline.left_seconds(reserve=REQUESTS_RESERVE)  # type: ignore[assignment]  # fractions will do
        await super().shutdown(sockets)


def _run(settings: Settings, stopping: Stopping, banner: str | None = None) -> None:
    server = settings.server
    configure_logging("DEBUG" if server.debug else server.log_level, server.log_format)
    running = _Server(create_app(settings, stopping.deadline), settings, banner, stopping.deadline)
    stopping.when_asked(running.stop)
    running.run()


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How the application is served, wherever it is."""
    server = settings.server
    return uvicorn.Config(
        app,
        host=server.host,
        port=server.port,
        http=BoundedHttpProtocol,
        # No protocol is ever upgraded, whatever libraries lie beside.
        ws="none",
        log_config=None,
        # Our own middleware writes it, with route templates instead of paths and queries.
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=server.shutdown_grace_seconds,
        # Longer than balancers keep theirs: one that sends on a connection that we just closed gets 502.
        timeout_keep_alive=server.keep_alive_seconds,
        # Who says so in a header may be anybody, unless it is one of these who passes it on.
        proxy_headers=bool(server.forwarded_allow_ips),
        forwarded_allow_ips=list(server.forwarded_allow_ips),
    )


def _banner(settings: Settings, parts: RunningParts) -> str:
    server = settings.server
    base = f"http://{server.host}:{server.port}"
    return f"""
Holdfast serves at {base}   (docs: {base}/docs, health: {base}/health/ready)
  database  {"embedded PostgreSQL" if parts.embedded_database else "the one of DATABASE_URL"}
  store     {"embedded S3 server" if parts.embedded_store else "the bucket of S3_BUCKET_NAME"}
  data      {server.data_dir}
  sign-in   {"on: python -m app token --sub alice" if settings.auth.enabled else "off; everything belongs to 'local'"}

Try:  printf 'id,name\\n1,Ada\\n' | curl -F 'file=@-;filename=people.csv' {base}{server.api_v1_prefix}/files/upload
"""
