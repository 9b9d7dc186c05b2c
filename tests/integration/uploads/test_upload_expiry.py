"""Direct uploads that nobody finished, and URLs that are used again when everything is over: nothing stays."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from app.config import MEBIBYTE
from app.modules.files.services import cleanup
from tests import samples
from tests.support.direct import begin, complete, post_form, put, send, send_parts
from tests.support.service import wait_until

PDF = samples.pdf()
EVIL = b"%PDF-1.4 evil".ljust(len(PDF), b" ")


@pytest.fixture
def start_quick(start_service, monkeypatch):
    """A service that looks for leftovers all the time, and gives late uploads no more than a second."""
    monkeypatch.setattr(cleanup, "PART_PAUSE", timedelta(seconds=1))

    @contextmanager
    def start(**store):
        quick = {"upload": {"cleanup_interval_seconds": 0.1}, "outbox": {"poll_seconds": 0.1}}
        with start_service(store=store, **quick) as service:
            wait_until(lambda: service.app.state.capabilities.is_learned, timeout_seconds=60)
            with service.client("alice") as client:
                yield client

    return start


@pytest.fixture
def client(start_quick):
    with start_quick() as client:
        yield client


@pytest.fixture
def staging_client(start_quick, capabilities):
    """Of a service whose store keeps no condition, so that no URL of a PUT carries one."""
    with start_quick(capabilities=capabilities | {"conditional_put": False}) as client:
        yield client


@pytest.fixture
def end_of_time(registry):
    """Let an upload's time be over, as if it had begun a day earlier."""

    def end(upload: dict) -> None:
        file_id = upload["file"]["id"]
        at_work = "SELECT 1 FROM outbox WHERE subject = $1 AND (attempts > 0 OR due_at <= now())"
        wait_until(lambda: not registry.rows(at_work, file_id))
        registry.rows("UPDATE upload_sessions SET expires_at = now() WHERE file_id = $1", file_id)
        registry.rows(
            "UPDATE stored_objects SET url_expires_at = now(),"
            " lease_expires_at = CASE WHEN state = 'stored' THEN NULL ELSE now() END WHERE file_id = $1",
            file_id,
        )
        registry.rows("UPDATE outbox SET due_at = now() WHERE subject = $1 AND attempts = 0", file_id)

    return end


def states(registry, upload: dict) -> set[str]:
    rows = registry.rows("SELECT state FROM stored_objects WHERE file_id = $1", upload["file"]["id"])
    return {row["state"] for row in rows}


@pytest.mark.parametrize("method", ["put", "post", "multipart"])
@pytest.mark.parametrize("is_sent", [False, True])
def test_an_upload_that_nobody_completes_is_removed(client, registry, bucket, end_of_time, methods, method, is_sent):
    """Case 49."""
    if method not in methods:
        return
    before = bucket.all_keys()
    upload = begin(client, PDF, "report.pdf", method=method)
    if is_sent:
        send(client, upload, PDF)
    end_of_time(upload)
    wait_until(lambda: states(registry, upload) == {"removed"})
    assert registry.rows("SELECT 1 FROM file_uploads WHERE id = $1", upload["file"]["id"]) == []
    assert bucket.all_keys() - before <= {key for key in bucket.all_keys() if "/probe-" in key}
    assert bucket.unfinished() == []
    assert complete(client, upload).status_code == 404


@pytest.mark.parametrize("method", ["put", "post"])
def test_what_an_url_writes_after_everything_is_over_is_removed(client, registry, bucket, end_of_time, methods, method):
    """Case 14: after hard delete the URL still lives, and so does the ledger's row."""
    if method not in methods:
        return
    upload = begin(client, PDF, "report.pdf", method=method)
    send(client, upload, PDF)
    file = complete(client, upload).json()
    assert client.delete(f"/files/{file['id']}", params={"hard_delete": True}).status_code == 204
    wait_until(lambda: file["s3_key"] not in bucket.all_keys())
    late = put(upload, EVIL) if method == "put" else post_form(upload, EVIL)
    assert late.status_code in {200, 204}
    assert states(registry, upload) >= {"removing"}
    end_of_time(upload)
    wait_until(lambda: states(registry, upload) == {"removed"})
    assert not [key for key in bucket.all_keys() if ".holdfast/staging/" in key or key == file["s3_key"]]


@pytest.mark.parametrize("method", ["put", "post"])
def test_what_an_url_writes_to_staging_after_completion_is_removed(
    staging_client, registry, bucket, end_of_time, methods, method
):
    """By a form, and by a PUT where the store doesn't keep its condition."""
    if method not in methods:
        return
    client = staging_client
    upload = begin(client, PDF, "report.pdf", method=method)
    send(client, upload, PDF)
    file = complete(client, upload).json()
    late = post_form(upload, EVIL) if method == "post" else put(upload, EVIL)
    assert late.status_code in {200, 204}
    end_of_time(upload)
    wait_until(lambda: states(registry, upload) == {"stored", "removed"})
    assert not [key for key in bucket.all_keys() if ".holdfast/staging/" in key]
    assert client.get(f"/files/{file['id']}/download").content == PDF


def test_an_upload_does_not_expire_while_parts_arrive(client, registry, end_of_time, monkeypatch):
    monkeypatch.setattr(cleanup, "PART_PAUSE", timedelta(minutes=5))
    content = bytes(11 * MEBIBYTE)
    upload = begin(client, content, "data.bin", method="multipart", part_size=5 * MEBIBYTE)
    send_parts(client, upload, content, [1])
    end_of_time(upload)
    query = "SELECT state, lease_expires_at FROM stored_objects WHERE file_id = $1"

    def lease():
        return registry.rows(query, upload["file"]["id"])[0]["lease_expires_at"]

    wait_until(lambda: lease() > datetime.now(UTC) + timedelta(minutes=4))
    assert registry.rows(query, upload["file"]["id"])[0]["state"] == "reserved"
    assert client.delete(f"/files/uploads/{upload['file']['id']}").status_code == 204


def test_no_url_is_signed_beyond_the_end_of_its_upload(client, registry):
    content = bytes(6 * MEBIBYTE)
    upload = begin(client, content, "data.bin", method="multipart")
    file_id = upload["file"]["id"]
    registry.rows("UPDATE upload_sessions SET expires_at = now() + interval '30 seconds' WHERE file_id = $1", file_id)
    part = client.post(f"/files/uploads/{file_id}/parts", json={"part_numbers": [1]}).json()["parts"][0]
    assert 1 <= int(httpx.URL(part["url"]).params["X-Amz-Expires"]) <= 30
    registry.rows("UPDATE upload_sessions SET expires_at = now() WHERE file_id = $1", file_id)
    refused = client.post(f"/files/uploads/{file_id}/parts", json={"part_numbers": [1]})
    assert (refused.status_code, refused.json()["code"]) == (410, "upload_expired")
    assert client.delete(f"/files/uploads/{file_id}").status_code == 204


def test_an_upload_that_the_store_forgot_is_gone(client, registry, bucket):
    upload = begin(client, PDF, "report.pdf", method="multipart")
    row = registry.rows("SELECT key, upload_id FROM stored_objects WHERE file_id = $1", upload["file"]["id"])[0]
    bucket.client.abort_multipart_upload(Bucket=bucket.name, Key=row["key"], UploadId=row["upload_id"])
    path = f"/files/uploads/{upload['file']['id']}"
    for answer in (client.get(path), client.post(f"{path}/complete")):
        assert (answer.status_code, answer.json()["code"]) == (410, "upload_expired")
    assert client.delete(path).status_code == 204
