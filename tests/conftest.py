"""Brings up the real parts once a session; `TEST_DATABASE_URL` and `TEST_S3_ENDPOINT_URL` point elsewhere."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path
from uuid import uuid4

import botocore.loaders
import hypothesis
import pytest

from app.embedded.parts import embedded_parts
from tests.support.databases import fresh_database
from tests.support.eavesdropping import WATCH
from tests.support.stores import Bucket, Registry, bucket_client
from tests.support.taps import listen_to_clients

# On a busy or fresh machine generating the first example takes seconds; that says nothing about our code.
hypothesis.settings.register_profile("suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("suite")


def pytest_configure(config):
    WATCH.install()
    config.add_cleanup(WATCH.uninstall)
    config.add_cleanup(listen_to_clients(WATCH))


@pytest.fixture(scope="session", autouse=True)
def no_last_leak():
    """What services say while they are stopped."""
    yield
    WATCH.insist()


@pytest.fixture(autouse=True)
def no_leak():
    """Cases 21 and 96: whatever a test does, no log line and no error body gives away a secret."""
    yield
    WATCH.insist()


# boto3 reads its models from disk anew for every session: 0.2 s of CPU for each of hundreds of services.
botocore.loaders.create_loader = cache(botocore.loaders.create_loader)

GIVEN_STORE = ("S3_ENDPOINT_URL", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "S3_REGION")


@pytest.fixture(scope="session")
def parts():
    """The variables under which a real PostgreSQL and a real S3 server are reached."""
    given = {}
    if os.environ.get("TEST_DATABASE_URL"):
        given["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]
    if os.environ.get("TEST_S3_ENDPOINT_URL"):
        given |= {name: os.environ.get(f"TEST_{name}", "us-east-1") for name in GIVEN_STORE}
        given["S3_BUCKET_NAME"] = "elsewhere"
    # In memory where the system has a place for it: creating a database is mostly creating files.
    memory = Path("/dev/shm")
    with (
        tempfile.TemporaryDirectory(prefix="holdfast-test-", dir=memory if memory.is_dir() else None) as data_dir,
        embedded_parts(Path(data_dir), given, durable=False, persist_store=False) as running,
    ):
        yield given | running.environment


@pytest.fixture(scope="session")
def database_url(parts):
    """A migrated database of this worker's own."""
    with fresh_database(parts["DATABASE_URL"]) as url:
        yield url


@pytest.fixture(scope="session")
def bucket(parts):
    """A bucket of this worker's own."""
    client = bucket_client(parts)
    name = f"test-{uuid4().hex[:12]}"
    client.create_bucket(Bucket=name)
    return Bucket(client, name)


@pytest.fixture(scope="session")
def registry(database_url):
    return Registry(database_url)
