"""What a whole scenario leaves in the log of a real process at DEBUG: what happened, and no way to repeat it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.embedded.ports import free_port
from tests.support.service import SECRET, wait_until

ROOT = Path(__file__).parents[3]


@pytest.fixture
def logged(parts, own_registry, bucket, service, tmp_path):
    """A service of its own process; gives its client, and stops it to read its log. No other does its work."""
    port = free_port()
    environment = os.environ | {
        name: value for name, value in parts.items() if name.startswith("S3_")
    } | {
        "S3_BUCKET_NAME": bucket.name, "DATABASE_URL": own_registry.dsn, "AUTH_JWT_SECRET": SECRET,
        "PORT": str(port), "LOG_LEVEL": "DEBUG", "LOG_FORMAT": "json", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve"], cwd=tmp_path, env=environment, stdout=output, stderr=output
        )
    base_url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{base_url}/health").status_code == 200
        except httpx.TransportError:
            return False

    def stop_and_read() -> str:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        return log.read_text()

    wait_until(answers)
    headers = {"Authorization": f"Bearer {service.token('alice')}"}
    with httpx.Client(base_url=f"{base_url}/api/v1", headers=headers, timeout=30) as client:
        yield client, stop_and_read
    if process.poll() is None:
        process.kill()
        process.wait()


def test_the_log_tells_what_happened_and_gives_no_secret_away(logged, parts):
    """Case 21."""
    client, stop_and_read = logged
    name = "/files/raw/very-private-name.txt"
    file = client.put(name, params={"folder": "a"}, content=b"some words").json()
    path = f"/files/{file['id']}"
    urls = [
        client.get(f"{path}/presigned-url").json()["url"],
        client.get(f"{path}/download", params={"redirect": True}).headers["Location"],
    ]
    client.get(f"{path}/download", headers={"X-Request-ID": "find-me"})
    client.post(f"{path}/copy", json={"new_filename": "bad.exe"})
    client.get("/files", params={"cursor": "broken"})
    client.delete(path, params={"hard_delete": True})
    key = client.post("/keys", json={"name": "logged"}).json()["key"]
    for credential in (key, key[:-1], f"{key} {key}"):
        client.get("/files", params={"q": credential}, headers={"Authorization": f"Bearer {credential}"})
    client.get(f"/keys/{key}")
    log = stop_and_read()
    events = [json.loads(line) for line in log.splitlines()]
    assert {
        "s3_file_uploaded", "s3_file_downloaded_bytes", "s3_file_deleted", "presigned_url_generated", "request"
    } <= {event["event"] for event in events}  # fmt: skip
    assert [event for event in events if event.get("request_id") == "find-me" and event["event"] == "request"]
    secrets = [parse_qs(urlsplit(url).query)["X-Amz-Signature"][0] for url in urls]
    secrets += [client.headers["Authorization"].removeprefix("Bearer "), SECRET, parts["S3_SECRET_ACCESS_KEY"]]
    secrets += [file["s3_key"], "very-private-name", key[12:-1]]
    assert [secret for secret in secrets if secret in log] == []
