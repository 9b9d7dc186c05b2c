"""The service's commands as processes of their own, beside a service of the suite."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from app.config import Settings
from app.embedded.ports import free_port
from tests.support.service import SECRET, wait_until


@dataclass(frozen=True)
class Served:
    """A service in a process of its own."""

    child: subprocess.Popen[bytes]
    port: int

    def status(self, path: str) -> int | None:
        """Of a GET; None when nobody answers."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=10).status_code
        except httpx.TransportError:
            return None

    def client(self, token: str) -> httpx.Client:
        """A client with that token."""
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}/api/v1", headers=headers, timeout=60)


def environment_of(settings: Settings, **variables: str) -> dict[str, str]:
    """All that a process needs to work on the same registry and bucket, and `variables`."""
    store = settings.store
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": settings.database.url.get_secret_value(),
        "S3_BUCKET_NAME": store.bucket_name,
        "S3_ENDPOINT_URL": store.endpoint_url,
        "S3_ACCESS_KEY_ID": store.access_key_id,
        "S3_SECRET_ACCESS_KEY": store.secret_access_key.get_secret_value(),
        "S3_REGION": store.region,
        "S3_KEY_PREFIX": store.key_prefix,
        "S3_CAPABILITIES": ",".join(f"{name}={str(kept).lower()}" for name, kept in store.capabilities.items()),
        "AUTH_JWT_SECRET": SECRET,
        "RATE_LIMIT": "",
        "RATE_LIMIT_IDS": "",
        "UPLOADS_MAX_CONCURRENT": "10000",
        "BATCHES_MAX_CONCURRENT": "10000",
        "MAINTENANCE_INTERVAL_SECONDS": "0",
        **variables,
    }


@contextmanager
def serving(settings: Settings, **variables: str) -> Iterator[Served]:
    """`python -m app serve` on a port of its own, once it answers; killed at the end if it still runs."""
    port = free_port()
    environment = environment_of(settings, **variables, PORT=str(port))
    child = subprocess.Popen([sys.executable, "-m", "app", "serve"], env=environment, stderr=subprocess.DEVNULL)
    served = Served(child, port)
    try:
        wait_until(lambda: served.status("/health") == 200, timeout_seconds=60)
        yield served
    finally:
        child.kill()
        child.wait()
