"""The service as a process of its own, as operators run it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from tests.support.service import SECRET, wait_until


@dataclass(frozen=True)
class ServiceProcess:
    """One that runs."""

    child: subprocess.Popen
    port: int

    def status(self, path: str) -> int | None:
        """What it answers; None when nobody listens."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=10).status_code
        except httpx.TransportError:
            return None

    def client(self, token: str) -> httpx.Client:
        """A client with that token."""
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}/api/v1", headers=headers, timeout=60)


@contextmanager
def service_process(base_settings: dict[str, dict], **variables: str) -> Iterator[ServiceProcess]:
    """`python -m app serve` on the suite's registry and bucket; killed at the end, if it still lives."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    store = base_settings["store"]
    environment = {
        "DATABASE_URL": base_settings["database"]["url"],
        "S3_BUCKET_NAME": store["bucket_name"],
        "S3_ENDPOINT_URL": store["endpoint_url"],
        "S3_ACCESS_KEY_ID": store["access_key_id"],
        "S3_SECRET_ACCESS_KEY": store["secret_access_key"],
        "S3_CAPABILITIES": ",".join(f"{name}={str(kept).lower()}" for name, kept in store["capabilities"].items()),
        "S3_ALLOWED_EXTENSIONS": "bin",
        "AUTH_JWT_SECRET": SECRET,
        "MAINTENANCE_INTERVAL_SECONDS": "0",
        "PORT": str(port),
        "PATH": os.environ["PATH"],
        **variables,
    }
    child = subprocess.Popen([sys.executable, "-m", "app", "serve"], env=environment, stderr=subprocess.DEVNULL)
    process = ServiceProcess(child, port)
    try:
        wait_until(lambda: process.status("/health") == 200, timeout_seconds=60)
        yield process
    finally:
        child.kill()
        child.wait()
