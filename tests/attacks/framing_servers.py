"""What the battery runs against: the service alone, behind proxies, under servers without our protocol, embedded."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from app.cli.server import server_config
from app.config import Settings
from app.embedded.ports import free_port
from app.main import create_app
from app.modules.auth.principal import DEFAULT_SCOPES
from app.modules.auth.tokens import SecretTokens
from tests.support.eavesdropping import WATCH
from tests.support.service import wait_until
from tests.support.taps import Tap

ROOT = Path(__file__).parents[2]
# nginx as far too many are set up: connections upstream are kept, and what asks for an upgrade is passed on.
CARELESS_NGINX = """
events {}
http {
    access_log off;
    map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
    upstream holdfast { server 127.0.0.1:8000; keepalive 1; }
    server {
        listen 80;
        client_max_body_size 0;
        location / {
            proxy_pass http://holdfast;
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }
    }
}
"""


@dataclass
class Recorder:
    """An app, and the headers of every request that came to it, trailers that were added later included."""

    app: ASGIApp
    requests: list[list[tuple[bytes, bytes]]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.requests.append(scope["headers"])
        await self.app(scope, receive, send)

    def saw(self, text: bytes) -> bool:
        """Whether it stands in any field of any request."""
        return bool(self.requests_with(text))

    def requests_with(self, text: bytes) -> list[list[tuple[bytes, bytes]]]:
        """The headers of each request that has it in a field."""
        return [headers for headers in list(self.requests) if any(text in value for _name, value in list(headers))]


@dataclass(frozen=True)
class Target:
    """Where requests are sent, and what came through."""

    name: str
    port: int
    recorder: Recorder
    token: str
    prefix: str = ""
    is_proxied: bool = False


@contextmanager
def serving_app(
    app: FastAPI, config_of: Callable[[ASGIApp], uvicorn.Config], settings: Settings, name: str, prefix: str = ""
) -> Iterator[Target]:
    recorder = Recorder(Tap(app, WATCH))
    server = uvicorn.Server(config_of(recorder))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive(), timeout_seconds=60)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Target(name, port, recorder, token_of("attacker", settings), prefix)
    finally:
        server.should_exit = True
        thread.join(30)


@contextmanager
def service_alone(settings: Settings) -> Iterator[Target]:
    """As `python -m app serve` serves it."""
    with serving_app(create_app(settings), lambda app: server_config(app, settings), settings, "direct") as target:
        yield target


@contextmanager
def plain_uvicorn(settings: Settings, http: str) -> Iterator[Target]:
    """As `uvicorn app.main:app` would: without our protocol class."""

    def config_of(app: ASGIApp) -> uvicorn.Config:
        return uvicorn.Config(app, port=0, http=http, log_config=None)

    with serving_app(create_app(settings), config_of, settings, f"uvicorn {http}") as target:
        yield target


@contextmanager
def embedding_app(settings: Settings) -> Iterator[Target]:
    """Another application that mounts ours below a prefix and forwards its lifespan."""
    ours = create_app(settings)

    @asynccontextmanager
    async def lifespan(_host: FastAPI):
        async with ours.router.lifespan_context(ours):
            yield

    host = FastAPI(lifespan=lifespan)
    host.mount("/store", ours)
    with serving_app(
        host, lambda app: uvicorn.Config(app, port=0, log_config=None), settings, "embedded", "/store"
    ) as target:
        yield target


@contextmanager
def behind_nginx(target: Target, *, is_careless: bool = False) -> Iterator[Target]:
    """deploy/nginx.conf, or one that nobody should use, in front."""
    text = CARELESS_NGINX if is_careless else (ROOT / "deploy/nginx.conf").read_text()
    nginx = command("nginx")
    with tempfile.TemporaryDirectory(prefix="holdfast-nginx-") as folder:
        port = free_port()
        # One process, so that the next visitor gets the connection that the one before left.
        text = re.sub(r"^worker_processes .*$", "", text, flags=re.MULTILINE)
        text = replaced(text, "listen 80;", f"listen 127.0.0.1:{port};")
        text = replaced(text, "127.0.0.1:8000", f"127.0.0.1:{target.port}")
        temporary = "".join(
            f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        text = re.sub(r"^http \{$", f"http {{\n{temporary}", text, count=1, flags=re.MULTILINE)
        main = f"daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/log;\n"
        path = Path(folder) / "nginx.conf"
        path.write_text(main + text)
        with proxy([nginx, "-e", f"{folder}/log", "-c", str(path)], port):
            name = "careless nginx" if is_careless else "nginx"
            yield Target(name, port, target.recorder, target.token, is_proxied=True)


@contextmanager
def behind_haproxy(target: Target) -> Iterator[Target]:
    """deploy/haproxy.cfg in front."""
    haproxy = command("haproxy")
    with tempfile.TemporaryDirectory(prefix="holdfast-haproxy-") as folder:
        port = free_port()
        text = (ROOT / "deploy/haproxy.cfg").read_text()
        text = replaced(text, "bind :80\n", f"bind 127.0.0.1:{port}\n")
        text = replaced(text, "127.0.0.1:8000", f"127.0.0.1:{target.port}")
        # One thread, so that the next visitor gets the connection that the one before left.
        text = replaced(text, "global\n", "global\n    nbthread 1\n")
        path = Path(folder) / "haproxy.cfg"
        path.write_text(text)
        with proxy([haproxy, "-db", "-f", str(path)], port):
            yield Target("HAProxy", port, target.recorder, target.token, is_proxied=True)


def token_of(subject: str, settings: Settings) -> str:
    return SecretTokens(settings.auth).issue(subject, ttl_seconds=600, scopes=frozenset(DEFAULT_SCOPES))


def replaced(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the file"
    return text.replace(old, new)


def command(name: str) -> str:
    """Where Debian's package put it, which may be off the path of an ordinary user."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None:
        if os.environ.get("REQUIRE_ALL") == "1":
            raise AssertionError(f"{name} is not installed, and REQUIRE_ALL=1 asks for it: apt-get install {name}")
        pytest.skip(f"{name} is not installed: apt-get install {name}")
    return found


@contextmanager
def proxy(words: list[str], port: int) -> Iterator[None]:
    def answers() -> bool:
        assert child.poll() is None, f"{words[0]} has ended with {child.returncode}"
        try:
            return httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
        except httpx.TransportError:
            return False

    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(answers, timeout_seconds=30)
        yield
    finally:
        child.kill()
        child.wait()
