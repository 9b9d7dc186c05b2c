"""Completing direct uploads: at once by many, by another process, and as a job."""

from __future__ import annotations

import hashlib

import httpx
import pytest

from app.config import MEBIBYTE
from tests import samples
from tests.support.content import noise
from tests.support.direct import begin, complete, send, send_parts
from tests.support.races import together
from tests.support.service import wait_until

PDF = samples.pdf()
LARGE = noise(6 * MEBIBYTE)


@pytest.mark.parametrize("method", ["put", "post", "multipart"])
def test_eight_clients_complete_one_upload_and_get_one_file(service, alice, bucket, methods, method):
    if method not in methods:
        return
    before = bucket.keys()
    upload = begin(alice, PDF, "report.pdf", method=method)
    send(alice, upload, PDF)

    def finish(_number: int):
        with service.client("alice") as client:
            return complete(client, upload)

    answers = together(finish)
    assert [answer.status_code for answer in answers] == [200] * 8
    assert len({answer.json()["s3_key"] for answer in answers}) == 1
    assert alice.get(f"/files/{upload['file']['id']}/download").content == PDF
    wait_until(lambda: len(bucket.keys() - before) == 1)


def test_an_upload_goes_on_after_the_api_was_restarted(start_service):
    content = noise(11 * MEBIBYTE)
    with start_service() as first, first.client("alice") as client:
        upload = begin(client, content, "data.bin", method="multipart", part_size=5 * MEBIBYTE)
        send_parts(client, upload, content, [2])
    with start_service() as second, second.client("alice") as client:
        state = client.get(f"/files/uploads/{upload['file']['id']}").json()
        assert [part["part_number"] for part in state["parts"]] == [2]
        send_parts(client, upload, content, [1, 3])
        assert complete(client, upload).status_code == 200
        assert client.get(f"/files/{upload['file']['id']}/download").content == content


@pytest.fixture
def jobs(start_service):
    """A client of a service that leaves every larger reading to a job."""
    with start_service(verify={"inline_max_mb": 0}) as service, service.client("alice") as client:
        yield client


def test_a_large_file_is_verified_by_a_job_and_unreadable_until_then(jobs):
    digest = hashlib.sha256(LARGE).hexdigest()
    upload = begin(jobs, LARGE, "data.bin", method="multipart", checksum_sha256=digest)
    send(jobs, upload, LARGE)
    answer = complete(jobs, upload)
    assert (answer.status_code, answer.json()["status"]) in {(202, "verifying"), (200, "available")}
    path = f"/files/{upload['file']['id']}"
    wait_until(lambda: jobs.get(path).json()["status"] == "available")
    assert jobs.get(path).json()["checksum_sha256"] == digest
    assert jobs.get(f"{path}/download").content == LARGE


@pytest.mark.parametrize("method", ["put", "post"])
def test_a_sha256_that_the_store_checked_when_it_was_sent_is_not_computed_again(
    jobs, registry, capabilities, methods, method
):
    """The URL of a PUT signs it, so no other bytes can have come; a form can't sign it, so all is read."""
    if method not in methods:
        return
    digest = hashlib.sha256(LARGE).hexdigest()
    upload = begin(jobs, LARGE, "data.bin", method=method, checksum_sha256=digest)
    send(jobs, upload, LARGE)
    is_told = method == "put" and capabilities["verifies_sha256"] and capabilities["returns_sha256"]
    answer = complete(jobs, upload)
    if is_told:
        assert (answer.status_code, answer.json()["status"]) == (200, "available")
    path = f"/files/{upload['file']['id']}"
    wait_until(lambda: jobs.get(path).json()["status"] == "available")
    key = jobs.get(path).json()["s3_key"]
    [row] = registry.rows("SELECT sha256, sha256_kind FROM stored_objects WHERE key = $1", key)
    assert row == {"sha256": digest, "sha256_kind": "store" if is_told else "read"}


def test_a_job_rejects_what_is_not_what_was_declared(jobs):
    upload = begin(jobs, LARGE, "data.bin", method="multipart", checksum_sha256="0" * 64)
    send(jobs, upload, LARGE)
    complete(jobs, upload)
    path = f"/files/{upload['file']['id']}"
    wait_until(lambda: jobs.get(path).json()["status"] == "rejected")
    assert jobs.get(path).json()["rejection"]["code"] == "checksum_mismatch"
    assert jobs.get(f"{path}/download").status_code == 409


def test_a_job_whose_process_is_gone_is_taken_over(start_service, registry):
    settings = {"verify": {"inline_max_mb": 0}, "outbox": {"enabled": False}}
    with start_service(**settings) as service, service.client("alice") as client:
        upload = begin(client, LARGE, "data.bin", method="multipart", checksum_sha256=hashlib.sha256(LARGE).hexdigest())
        file_id = upload["file"]["id"]
        send(client, upload, LARGE)
        assert complete(client, upload).json()["status"] == "verifying"
    # As a process leaves it that was killed while it read.
    registry.rows("UPDATE outbox SET attempts = 1, claim_token = gen_random_uuid() WHERE subject = $1", file_id)
    with start_service() as service, service.client("alice") as client:
        wait_until(lambda: client.get(f"/files/{file_id}").json()["status"] == "available")
        assert client.get(f"/files/{file_id}/download").content == LARGE


def test_a_job_completes_nothing_whose_key_was_revoked_meanwhile(start_service, own_registry, bucket):
    """In a registry of its own, whose outbox no other service carries out."""
    settings = {"verify": {"inline_max_mb": 0}, "database": {"url": own_registry.dsn}}
    before = bucket.keys()
    with start_service(**settings, outbox={"enabled": False}) as service, service.client("alice") as alice:
        key = alice.post("/keys", json={"name": "script"}).json()
        headers = {"Authorization": f"Bearer {key['key']}"}
        with httpx.Client(base_url=alice.base_url, headers=headers, timeout=60) as client:
            digest = hashlib.sha256(LARGE).hexdigest()
            upload = begin(client, LARGE, "data.bin", method="multipart", checksum_sha256=digest)
            send(client, upload, LARGE)
            assert complete(client, upload).status_code == 202
        alice.delete(f"/keys/{key['id']}").raise_for_status()
    path = f"/files/{upload['file']['id']}"
    with start_service(**settings) as service, service.client("alice") as alice:
        wait_until(lambda: alice.get(path).json()["status"] == "rejected")
        assert alice.get(path).json()["rejection"]["code"] == "upload_expired"
        wait_until(lambda: bucket.keys() == before)
