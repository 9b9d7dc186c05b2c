"""One running service a session, others with other settings; after every test registry and bucket agree."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from uuid import uuid4

import httpx
import pytest
from botocore.exceptions import ClientError

from app.config import MEBIBYTE, StoreSettings
from app.core.capabilities.probes import probe_capabilities
from app.core.s3.adapter import S3
from tests.support.content import noise
from tests.support.databases import fresh_database
from tests.support.maintenance import Corner, fresh_prefix
from tests.support.replacing import OLD
from tests.support.service import SECRET, running, settings_with, wait_until
from tests.support.sharing import caller
from tests.support.stores import Registry, bucket_client, wait_for_agreement
from tests.support.uppy import key_of, signed

EXTENSIONS = [
    "jpg",
    "jpeg",
    "png",
    "gif",
    "pdf",
    "doc",
    "docx",
    "xls",
    "xlsx",
    "txt",
    "csv",
    "zip",
    "bin",
    "mp4",
    "json",
    "svg",
]


@pytest.fixture(scope="session")
def capabilities(parts, bucket):
    """Found out once, so that no test's fault hits a trial."""
    settings = StoreSettings(
        _env_file=None,
        bucket_name=bucket.name,
        endpoint_url=parts["S3_ENDPOINT_URL"],
        access_key_id=parts["S3_ACCESS_KEY_ID"],
        secret_access_key=parts["S3_SECRET_ACCESS_KEY"],
        region=parts["S3_REGION"],
    )

    async def probe():
        s3 = S3(settings)
        try:
            return await probe_capabilities(s3)
        finally:
            await s3.close(5.0)

    return asyncio.run(probe())


@pytest.fixture
def methods(capabilities, alice):
    """How this store can be written to; what it can't be, the service refuses by name."""
    if capabilities["post_policy"]:
        return {"put", "post", "multipart"}
    wish = {"filename": "a.pdf", "content_type": "application/pdf", "file_size": 1, "method": "post"}
    refused = alice.post("/files/uploads", json=wish)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body.method")
    return {"put", "multipart"}


@pytest.fixture(scope="session")
def takes_any_key(parts):
    """LocalStack never asks who calls."""
    try:
        bucket_client(parts | {"S3_SECRET_ACCESS_KEY": "a-wrong-secret"}).list_buckets()
    except ClientError:
        return False
    return True


@pytest.fixture(scope="session")
def base_settings(parts, database_url, bucket, capabilities):
    """What every service of the suite is told."""
    return {
        "store": {
            "bucket_name": bucket.name,
            "endpoint_url": parts["S3_ENDPOINT_URL"],
            "access_key_id": parts["S3_ACCESS_KEY_ID"],
            "secret_access_key": parts["S3_SECRET_ACCESS_KEY"],
            "region": parts["S3_REGION"],
            "capabilities": capabilities,
            "allowed_extensions": EXTENSIONS,
            "max_file_size_mb": 64,
        },
        "database": {"url": database_url, "pool_size": 5},
        "auth": {"jwt_secret": SECRET},
        # Services of one registry carry out each other's outbox, so all of them are as quick.
        "upload": {"idle_timeout_seconds": 5, "late_write_seconds": 2, "longest_transfer_seconds": 1},
        # By command only, so that no test's state is put right by itself.
        "maintenance": {"maintenance_interval_seconds": 0, "reconcile_grace_seconds": 0},
        # Nobody is held back where that isn't what is tested.
        "rates": {
            "rate_limit": "",
            "rate_limit_ids": "",
            "uploads_max_concurrent": 10_000,
            "batches_max_concurrent": 10_000,
        },
        "server": {"cors_origins": ["https://app.example.com"]},
    }


@pytest.fixture(scope="session")
def start_service(base_settings):
    """Start a service whose settings differ in some values: `with start_service(store={...}) as service`."""

    @contextmanager
    def start(**groups):
        with running(settings_with(base_settings, **groups)) as service:
            yield service

    return start


@pytest.fixture(scope="session")
def service(start_service):
    with start_service() as service:
        wait_until(lambda: service.app.state.capabilities.is_learned, timeout_seconds=60)
        yield service


@pytest.fixture
def corner(start_service, bucket):
    """A service of its own below a prefix of its own, for what would disturb the others."""
    with start_service(store={"key_prefix": fresh_prefix()}) as service:
        yield Corner(service, bucket)


@pytest.fixture
def alice(service):
    with service.client("alice") as client:
        yield client


@pytest.fixture
def bob(service):
    with service.client("bob") as client:
        yield client


@pytest.fixture
def anonymous(service):
    with service.client(None) as client:
        yield client


@pytest.fixture
def admin(service):
    with service.client("root", scopes={"files:admin"}) as client:
        yield client


@pytest.fixture
def own_registry(parts):
    """A registry that no other service knows: its outbox is carried out by the test's own alone."""
    with fresh_database(parts["DATABASE_URL"]) as url:
        yield Registry(url)


@pytest.fixture
def own_corner(start_service, own_registry, bucket):
    """A corner with that registry: what is due or broken in it is so for the test alone."""
    alone = {"database": {"url": own_registry.dsn}, "store": {"key_prefix": fresh_prefix()}}
    with start_service(**alone) as service:
        corner = Corner(service, bucket)
        yield corner
        corner.empty()


@pytest.fixture(autouse=True)
def agreement(request, registry, bucket):
    """The promise, after every single test; or after all of a module that is marked `compared_once`."""
    if request.node.get_closest_marker("compared_once"):
        request.getfixturevalue("agreement_at_the_end")
        yield
    else:
        yield
        wait_for_agreement(registry, bucket)


@pytest.fixture(scope="module")
def agreement_at_the_end(registry, bucket):
    yield
    wait_for_agreement(registry, bucket)


@pytest.fixture
def upload(alice):
    """Upload bytes as alice; returns the record."""

    def send(content: bytes, filename: str = "notes.txt", **fields) -> dict:
        answer = alice.post("/files/upload", files={"file": (filename, content)}, data=fields)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return send


@pytest.fixture
def binary(upload):
    """A file whose name fits any bytes."""
    return upload(OLD * 100 + bytes(range(256)), "data.bin", folder="in", description="kept", metadata='{"a": 1}')


@pytest.fixture
def open_upload(alice):
    """A multipart upload of alice as stock Uppy begins it: its id, the URL that created it, its bytes."""
    content = noise(6 * MEBIBYTE)
    created = signed(alice, "POST", key_of(content, "data.bin"))
    yield created["key"], created["url"], content
    alice.delete(f"/files/uploads/{created['key']}")


@pytest.fixture
def somebody(service):
    """Make a client for a caller whom nobody knew before, in some groups; returns its name and the client."""
    clients = []

    def make(*groups: str, **claims) -> tuple[str, httpx.Client]:
        name = f"somebody-{uuid4().hex}"
        clients.append(caller(service, name, *groups, **claims))
        return name, clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def lister(service):
    """A caller who has no file yet."""
    with service.client(f"lister-{uuid4().hex}") as client:
        yield client


@pytest.fixture
def add(lister):
    """Upload a file of the lister's; returns its id."""

    def upload(filename: str = "notes.txt", content: bytes = b"listed", **fields) -> str:
        answer = lister.post("/files/upload", files={"file": (filename, content)}, data=fields)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    return upload
