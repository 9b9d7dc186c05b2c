"""One lane of the harness: a database, a bucket, proxies before both, the service as a process, and its clients."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from uuid import uuid4

import httpx

from app.config import AuthSettings
from app.embedded.ports import free_port
from app.modules.auth.principal import DEFAULT_SCOPES
from app.modules.auth.tokens import SecretTokens
from tests.faults.actors import Actor, Crew, at_work
from tests.faults.nursery import Nursery, Process
from tests.faults.operations import offered
from tests.faults.witness import Witness
from tests.support.databases import fresh_database
from tests.support.faulty_database import FaultyDatabase, faulty_database
from tests.support.faulty_store import FaultyStore, faulty_store
from tests.support.service import SECRET, wait_until
from tests.support.stores import Bucket, Registry, bucket_client

LEASE_SECONDS = 1.0
ACTORS = 5
# Never unasked: what is shown is that one pass, asked for, puts everything right.
NEVER = "86400"
LOW = {
    "UPLOAD_LEASE_SECONDS": str(LEASE_SECONDS),
    "UPLOAD_IDLE_TIMEOUT_SECONDS": "5",
    "UPLOAD_CLEANUP_INTERVAL_SECONDS": NEVER,
    "UPLOAD_LATE_WRITE_SECONDS": "0.5",
    "UPLOAD_LONGEST_TRANSFER_SECONDS": "0.5",
    "OUTBOX_LEASE_SECONDS": str(LEASE_SECONDS),
    "OUTBOX_POLL_SECONDS": "0.1",
    "S3_PRESIGNED_URL_EXPIRY": "5",
    "S3_READ_TIMEOUT_SECONDS": "2",
    "S3_ALLOWED_EXTENSIONS": "bin",
    "S3_ADDRESSING_STYLE": "path",
    "DATABASE_POOL_SIZE": "10",
    "DATABASE_POOL_TIMEOUT_SECONDS": "5",
    "MAINTENANCE_INTERVAL_SECONDS": "0",
    "SCRUB_MB_PER_SECOND": "1000",
    "RECONCILE_GRACE_SECONDS": str(LEASE_SECONDS),
    # All its clients are one caller.
    "RATE_LIMIT": "",
    "RATE_LIMIT_IDS": "",
    "UPLOADS_MAX_CONCURRENT": "10000",
    "DOWNLOADS_MAX_CONCURRENT": "10000",
    "BATCHES_MAX_CONCURRENT": "10000",
    "LOG_FORMAT": "json",
    "SHUTDOWN_GRACE_SECONDS": "5",
    "AUTH_ENABLED": "true",
    "AUTH_JWT_SECRET": SECRET,
    "PATH": os.environ["PATH"],
}


@dataclass(eq=False)
class Lane:
    """All of one lane.

    Args:
        strays: keys under which somebody else has put objects, for maintenance to move aside.
        service: the process that serves now, at `base_url`.
    """

    name: str
    registry: Registry
    bucket: Bucket
    store: FaultyStore
    database: FaultyDatabase
    nursery: Nursery
    environment: dict[str, str]
    random: Random
    folder: Path
    witness: Witness = field(default_factory=Witness)
    actors: list[Actor] = field(default_factory=list)
    operations: dict = field(default_factory=dict)
    strays: set[str] = field(default_factory=set)
    service: Process | None = None
    base_url: str = ""

    def serve(self) -> None:
        """Start the service; returns when it answers."""
        port = free_port()
        self.base_url = f"http://127.0.0.1:{port}"
        self.service = self.nursery.start("serve", environment=self.environment | {"PORT": str(port)})
        wait_until(self._answers, timeout_seconds=60)
        if not self.operations:
            self.operations = offered(httpx.get(f"{self.base_url}/openapi.json").json())

    def _answers(self) -> bool:
        assert not self.service.has_ended(), f"the service did not start; see {self.folder}"
        try:
            return httpx.get(f"{self.base_url}/health", timeout=5).is_success
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """SIGKILL to the service; returns when it is dead."""
        self.service.kill()

    def start_clients(self) -> Crew:
        """Let all clients work."""
        self.witness.requests.clear()
        return at_work(self.actors, self.base_url, self.operations)

    def maintain(self) -> Process:
        """One pass of maintenance, as a process."""
        return self.nursery.start("maintain", environment=self.environment)

    def client(self) -> httpx.Client:
        """As all actors, who are one user."""
        return self.actors[0].connected(self.base_url)


@contextmanager
def open_lane(
    name: str, parts: dict[str, str], folder: Path, capabilities: dict[str, bool], seed: str, **settings: str
) -> Iterator[Lane]:
    """A lane of its own on servers that run.

    Args:
        name: for the report.
        parts: how PostgreSQL and the store are reached.
        folder: for logs.
        capabilities: what the store keeps, so that no trial is hit.
        seed: for all that is drawn.
        settings: variables of the service that differ.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        url = stack.enter_context(fresh_database(parts["DATABASE_URL"]))
        database = stack.enter_context(faulty_database(url))
        store = stack.enter_context(faulty_store(parts["S3_ENDPOINT_URL"]))
        client = bucket_client(parts)
        bucket = Bucket(client, f"faults-{uuid4().hex[:12]}")
        client.create_bucket(Bucket=bucket.name)
        environment = LOW | {
            "DATABASE_URL": database.url,
            "S3_BUCKET_NAME": bucket.name,
            "S3_ENDPOINT_URL": store.endpoint_url,
            # Clients' own way to the store is not what is attacked.
            "S3_PUBLIC_ENDPOINT_URL": parts["S3_ENDPOINT_URL"],
            "S3_ACCESS_KEY_ID": parts["S3_ACCESS_KEY_ID"],
            "S3_SECRET_ACCESS_KEY": parts["S3_SECRET_ACCESS_KEY"],
            "S3_REGION": parts["S3_REGION"],
            "S3_CAPABILITIES": ",".join(f"{flag}={str(kept).lower()}" for flag, kept in capabilities.items()),
            **settings,
        }
        nursery = Nursery(folder)
        stack.callback(nursery.close)
        lane = Lane(
            name, Registry(url), bucket, store, database, nursery, environment, Random(f"{seed}/{name}"), folder
        )
        auth = AuthSettings(_env_file=None, jwt_secret=SECRET)
        token = SecretTokens(auth).issue("alice", ttl_seconds=86_400, scopes=frozenset(DEFAULT_SCOPES))
        lane.actors = [Actor(lane.witness, Random(f"{seed}/{name}/{number}"), token) for number in range(ACTORS)]
        lane.serve()
        yield lane
        lane.kill()
