"""`serve` for production, `dev` for a machine that has nothing but Python."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time

import uvicorn
from fastapi import FastAPI

from app.cli.database import migrate_to_newest
from app.cli.environment import data_dir, found_environment
from app.config import Settings
from app.config.values import is_loopback
from app.core.connection_end import EndingHttpProtocol
from app.core.logging import configure_logging
from app.embedded.environment import RunningParts
from app.embedded.object_store import ANY_LOCAL_ORIGIN
from app.embedded.parts import embedded_parts
from app.main import create_app

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", "8000"


def serve() -> None:
    """Serve with the settings given. Migrates nothing, starts nothing else."""
    _run(Settings.from_environment())


def dev() -> None:
    """Serve on an embedded PostgreSQL and S3 server wherever the settings name none; keep everything in DATA_DIR."""
    environ = found_environment()
    host, port = environ.get("HOST", DEFAULT_HOST), environ.get("PORT", DEFAULT_PORT)
    with embedded_parts(data_dir(environ), environ, http_host=host, http_port=int(port)) as parts:
        # From here on the environment is all there is: `.env`, read again, could name another store beside ours.
        os.environ.update(environ)
        parts.apply(os.environ)
        is_local = parts.embedded_database and parts.embedded_store and is_loopback(host)
        if is_local and not environ.keys() & {"AUTH_ENABLED", "AUTH_JWT_SECRET", "AUTH_JWKS_URL"}:
            os.environ["AUTH_ENABLED"] = "false"
            # Nobody but whoever typed it calls, and a page of thumbnails is no attack.
            os.environ.setdefault("RATE_LIMIT", "")
        if parts.embedded_store:
            os.environ.setdefault("CORS_ORIGINS", ",".join(ANY_LOCAL_ORIGIN))
        os.environ.setdefault("LOG_FORMAT", "console")
        settings = Settings.from_environment(env_file=None)
        if parts.embedded_database:
            migrate_to_newest(settings.database.url.get_secret_value())
        _run(settings, banner=_banner(settings, parts))


class _Server(uvicorn.Server):
    """Says what runs once it really answers, and turns readiness red as soon as it is told to stop."""

    def __init__(self, app: FastAPI, settings: Settings, banner: str | None, delay_seconds: float) -> None:
        super().__init__(server_config(app, settings))
        self._app = app
        self._banner = banner
        self._delay_seconds = delay_seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._banner and self.started:
            print(self._banner, flush=True)  # noqa: T201 -- for the person who typed `make run`

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.readiness.is_stopping = True
        # Whoever sends requests here has to see it first; to be told twice to stop means at once.
        over = time.monotonic() + self._delay_seconds
        while time.monotonic() < over and not self.force_exit:  # noqa: ASYNC110 -- uvicorn sets a flag, no event
            await asyncio.sleep(min(0.1, self._delay_seconds))
        await super().shutdown(sockets)


def _run(settings: Settings, banner: str | None = None) -> None:
    server = settings.server
    configure_logging("DEBUG" if server.debug else server.log_level, server.log_format)
    # Uvicorn raises the signal again after it has shut down; as an exit, it lets the parts be stopped too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # Nobody balances what somebody runs by hand.
    _Server(create_app(settings), settings, banner, 0.0 if banner else server.shutdown_delay_seconds).run()


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How the application is served, wherever it is."""
    server = settings.server
    return uvicorn.Config(
        app,
        host=server.host,
        port=server.port,
        http=EndingHttpProtocol,
        log_config=None,
        # Our own middleware writes it, with route templates instead of paths and queries.
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=server.shutdown_grace_seconds,
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
