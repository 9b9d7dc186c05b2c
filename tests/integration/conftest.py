"""One running service a session, others with other settings; after every test registry and bucket agree."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from tests.support.service import SECRET, running, settings_with
from tests.support.stores import wait_for_agreement

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
def base_settings(parts, database_url, bucket):
    """What every service of the suite is told."""
    return {
        "store": {
            "bucket_name": bucket.name,
            "endpoint_url": parts["S3_ENDPOINT_URL"],
            "access_key_id": parts["S3_ACCESS_KEY_ID"],
            "secret_access_key": parts["S3_SECRET_ACCESS_KEY"],
            "region": parts["S3_REGION"],
            "allowed_extensions": EXTENSIONS,
            "max_file_size_mb": 64,
        },
        "database": {"url": database_url, "pool_size": 5},
        "auth": {"jwt_secret": SECRET},
        "upload": {"idle_timeout_seconds": 5},
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
        yield service


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


@pytest.fixture(autouse=True)
def agreement(registry, bucket):
    """The promise, after every single test."""
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
