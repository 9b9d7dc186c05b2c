"""The stock, unchanged @uppy/aws-s3 6 against the running service, its page on another origin than API and store."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.support.service import wait_until

PLUGIN = Path(__file__).resolve().parents[2] / "browser" / "uppy"
PAGE_ORIGIN = "https://app.example.com"


@pytest.fixture(scope="session")
def plugin():
    """The folder of the script with the packages of its lock; `make` installs them beforehand."""
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    if missing and not os.environ.get("REQUIRE_ALL"):
        pytest.skip(f"{missing[0]} is not installed")
    installed = PLUGIN / "node_modules" / ".package-lock.json"
    lock = PLUGIN / "package-lock.json"
    with lock.open(encoding="utf-8") as held:
        # One of several pytest processes installs, the others wait.
        fcntl.flock(held, fcntl.LOCK_EX)
        if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
            subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=PLUGIN, check=True, capture_output=True)
    return PLUGIN


@pytest.fixture(scope="session")
def page_origin(bucket, base_settings):
    """Where the page is: where the store lets it be, whose rules for origins the page keeps."""
    rule = {
        "AllowedOrigins": [PAGE_ORIGIN], "AllowedMethods": ["PUT", "POST", "GET", "HEAD"], "AllowedHeaders": ["*"],
        "ExposeHeaders": ["ETag", "Location"],
    }  # fmt: skip
    try:
        bucket.client.put_bucket_cors(Bucket=bucket.name, CORSConfiguration={"CORSRules": [rule]})
    except ClientError:
        # A store that takes no such rules by S3's API: the page is on its origin then, and the service on another.
        return base_settings["store"]["endpoint_url"]
    return PAGE_ORIGIN


@pytest.fixture(scope="session")
def cross_origin_service(start_service, page_origin):
    with start_service(server={"cors_origins": [page_origin]}) as service:
        wait_until(lambda: service.app.state.capabilities.is_learned, timeout_seconds=60)
        yield service


@pytest.fixture
def drive(plugin, cross_origin_service, page_origin):
    """Run one scenario of the script; returns what it found."""

    def run(scenario: str) -> dict:
        environment = {
            **os.environ,
            "HOLDFAST_URL": cross_origin_service.base_url,
            "HOLDFAST_TOKEN": cross_origin_service.token("alice"),
            "PAGE_ORIGIN": page_origin,
        }
        command = ["node", "run.mjs", scenario]
        done = subprocess.run(
            command, cwd=plugin, env=environment, capture_output=True, text=True, timeout=90, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def assert_stored(client, found: dict, endpoint_url: str) -> None:
    """The record is available and its bytes are those that the page sent, to the store and to nobody else."""
    assert found["hosts"] == [httpx.URL(endpoint_url).netloc.decode()]
    assert found["api"] not in found["hosts"]
    record = client.get(f"/files/{found['key']}").json()
    assert (record["status"], record["file_size"], record["folder"]) == ("available", found["size"], "uppy")
    content = client.get(f"/files/{found['key']}/download").content
    assert hashlib.sha256(content).hexdigest() == found["sha256"]


def test_the_stock_plugin_sends_a_single_file(drive, alice, base_settings):
    """No completion call in this dialect: reading the record completes it."""
    assert_stored(alice, drive("single"), base_settings["store"]["endpoint_url"])


def test_the_stock_plugin_sends_a_file_in_parts(drive, alice, base_settings):
    found = drive("multipart")
    assert found["parts"] == [1, 2, 3]
    assert found["location"].endswith(f"/api/v1/files/{found['key']}")
    assert_stored(alice, found, base_settings["store"]["endpoint_url"])


def test_the_stock_plugin_pauses_and_resumes(drive, alice, base_settings):
    found = drive("resumed")
    assert found["sentWhilePaused"] == 0
    # What had arrived isn't sent again; what was on its way is.
    assert found["parts"] == [1, 2, 2, 3, 4]
    assert_stored(alice, found, base_settings["store"]["endpoint_url"])


def test_the_stock_plugin_goes_on_after_its_page_was_reloaded(drive, alice, base_settings):
    found = drive("reloaded")
    assert found["first"] == 0
    assert_stored(alice, found, base_settings["store"]["endpoint_url"])


def test_the_stock_plugin_aborts_and_leaves_nothing(drive, alice, bucket):
    found = drive("aborted")
    wait_until(lambda: alice.get(f"/files/{found['key']}").status_code == 404)
    wait_until(lambda: bucket.unfinished() == [])


def test_the_stock_plugin_shows_why_a_file_is_refused(drive):
    assert ".exe" in drive("refused")["message"]
    assert "409" in (message := drive("rejected")["message"])
    assert "UploadRejected" in message
