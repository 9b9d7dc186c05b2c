"""Uploads that end badly: nothing of them is left, neither row nor object nor unfinished multipart upload.

That nothing is left is checked after every test by the fixture `agreement`.
"""

from __future__ import annotations

import signal

import pytest

from app.config import MEBIBYTE
from tests.support.content import noise
from tests.support.faulty_store import faulty_store
from tests.support.processes import serving
from tests.support.raw_http import FORM_END, FORM_TYPE, form_part, raw_connection
from tests.support.service import wait_until

CONTENT = noise(30 * MEBIBYTE)
SIZES = [100_000, 30 * MEBIBYTE]


def raw_head(service, length: int | None) -> dict[str, str]:
    framing = {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": str(length)}
    return {"Authorization": f"Bearer {service.token('alice')}", **framing}


@pytest.mark.parametrize("sent", [0, 50_000, 20 * MEBIBYTE])
@pytest.mark.parametrize("framing", ["declared", "chunked"])
def test_a_client_that_goes_away_leaves_nothing(service, registry, sent, framing):
    """Case 33."""
    with raw_connection(service.port) as connection:
        declared = None if framing == "chunked" else len(CONTENT)
        connection.send_head("PUT", "/api/v1/files/raw/data.bin", raw_head(service, declared))
        if framing == "chunked" and sent:
            connection.send_chunk(CONTENT[:sent])
        else:
            connection.send(CONTENT[:sent])
        if sent > 8 * MEBIBYTE:
            wait_until(lambda: registry.rows("SELECT 1 FROM stored_objects WHERE upload_id IS NOT NULL"))


def test_a_client_that_goes_away_within_a_form_leaves_nothing(service, registry):
    """Case 33."""
    body = form_part("file", CONTENT, "data.bin") + FORM_END
    with raw_connection(service.port) as connection:
        head = raw_head(service, len(body)) | {"Content-Type": FORM_TYPE}
        connection.send_head("POST", "/api/v1/files/upload", head)
        connection.send(body[: 20 * MEBIBYTE])
        wait_until(lambda: registry.rows("SELECT 1 FROM stored_objects WHERE upload_id IS NOT NULL"))


@pytest.mark.parametrize("sent", [10, 10 * MEBIBYTE])
def test_a_client_that_stops_sending_gets_408_and_leaves_nothing(start_service, sent):
    """Case 37."""
    with start_service(upload={"idle_timeout_seconds": 0.3}) as service, raw_connection(service.port) as connection:
        connection.send_head("PUT", "/api/v1/files/raw/data.bin", raw_head(service, len(CONTENT)))
        connection.send(CONTENT[:sent])
        answer = connection.answer()
    assert (answer.status, answer.json()["code"]) == (408, "request_timeout")
    assert answer.headers["connection"] == "close"


def test_a_chunked_body_that_breaks_its_own_framing_is_no_file(service):
    with raw_connection(service.port) as connection:
        connection.send_head("PUT", "/api/v1/files/raw/data.bin", raw_head(service, None))
        connection.send_chunk(b"x" * 1000)
        connection.send(b"zzz\r\n")
        assert connection.answer().status == 400


WHOLE = r"^PUT .*_data.bin$"
FAULTS = {  # name: bytes that pass, direction, which requests
    "cut off while it is sent": (1000, "up", "^PUT "),
    "written, but nobody hears of it": (0, "down", "^PUT "),
    "the last part cut off": (1000, "up", f"partNumber=4|{WHOLE}"),
    "begun, but nobody hears of it": (0, "down", f"uploads$|{WHOLE}"),
    "the end unheard": (0, "down", f"^POST .*uploadId=|{WHOLE}"),
    "gone when it is looked at": (0, "down", "^HEAD "),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_store_that_fails_is_503_and_leaves_nothing(start_service, parts, size, fault):
    with faulty_store(parts["S3_ENDPOINT_URL"]) as proxy:
        store = {"endpoint_url": proxy.endpoint_url, "read_timeout_seconds": 0.5}
        with start_service(store=store) as service, service.client(f"{fault} {size}") as client:
            after_bytes, direction, matching = FAULTS[fault]
            proxy.cut_after(after_bytes, direction=direction, matching=matching)
            answer = client.put("/files/raw/data.bin", content=CONTENT[:size])
            assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
            assert "Retry-After" in answer.headers
            assert client.get("/files").json()["items"] == []


@pytest.mark.parametrize("size", SIZES)
def test_what_cannot_be_undone_while_the_store_is_away_is_undone_when_it_is_back(start_service, parts, registry, size):
    with faulty_store(parts["S3_ENDPOINT_URL"]) as proxy:
        store = {"endpoint_url": proxy.endpoint_url, "read_timeout_seconds": 0.5}
        with start_service(store=store, outbox={"poll_seconds": 0.1}) as service:
            with raw_connection(service.port) as connection:
                connection.send_head("PUT", "/api/v1/files/raw/data.bin", raw_head(service, size))
                connection.send(CONTENT[: size // 2])
                if size > 8 * MEBIBYTE:
                    wait_until(lambda: registry.rows("SELECT 1 FROM stored_objects WHERE upload_id IS NOT NULL"))
                proxy.refuse()
                connection.send(CONTENT[size // 2 : size])
                assert connection.answer().status == 503
            assert registry.rows("SELECT 1 FROM file_uploads WHERE status = 'pending'") == []
            newest = "SELECT state FROM stored_objects ORDER BY created_at DESC LIMIT 1"
            assert registry.rows(newest) == [{"state": "removing"}]
            proxy.heal()
            wait_until(lambda: registry.rows(newest) == [{"state": "removed"}])


def test_a_store_that_never_answers_is_503_and_what_it_writes_late_is_removed(
    start_service, parts, own_registry, bucket
):
    """Cases 14, 27: the bytes arrive in the bucket after everybody has given the upload up."""
    with faulty_store(parts["S3_ENDPOINT_URL"]) as proxy:
        store = {"endpoint_url": proxy.endpoint_url, "read_timeout_seconds": 0.5}
        alone = {"database": {"url": own_registry.dsn}, "upload": {"late_write_seconds": 8}}
        with (
            start_service(store=store, outbox={"poll_seconds": 0.1}, **alone) as service,
            service.client("alice") as client,
        ):
            before = bucket.keys()
            proxy.stall_after(0, direction="up", matching="^PUT .*_data.bin", times=3)
            answer = client.put("/files/raw/data.bin", content=b"hello")
            assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
            # Removed once, when there was nothing; the second look is still to come.
            wait_until(lambda: own_registry.rows("SELECT 1 FROM outbox WHERE attempts = 0 AND due_at > now()"))
            proxy.heal()
            wait_until(lambda: bucket.keys() != before)
            wait_until(lambda: bucket.keys() == before)


def test_a_file_deleted_for_good_while_it_arrives_is_gone(start_service, registry):
    upload = {"lease_seconds": 1.0, "idle_timeout_seconds": 10}
    with (
        start_service(upload=upload) as service,
        service.client("alice") as client,
        raw_connection(service.port) as connection,
    ):
        connection.send_head("PUT", "/api/v1/files/raw/data.bin", raw_head(service, len(CONTENT)))
        connection.send(CONTENT[: 10 * MEBIBYTE])
        wait_until(lambda: registry.rows("SELECT 1 FROM file_uploads WHERE status = 'pending'"))
        pending = client.get("/files", params={"status": "pending"}).json()["items"][0]
        assert client.get(f"/files/{pending['id']}/download").status_code == 409
        assert client.delete(f"/files/{pending['id']}").status_code == 409
        assert client.delete(f"/files/{pending['id']}", params={"hard_delete": True}).status_code == 204
        answer = connection.answer()
        assert (answer.status, answer.json()["code"]) == (409, "file_not_available")
        assert client.get(f"/files/{pending['id']}").status_code == 404


def test_a_pending_file_is_in_no_listing_and_cannot_be_read(service, alice, registry):
    with raw_connection(service.port) as connection:
        connection.send_head("PUT", "/api/v1/files/raw/data.bin", raw_head(service, len(CONTENT)))
        connection.send(CONTENT[: 10 * MEBIBYTE])
        wait_until(lambda: registry.rows("SELECT 1 FROM file_uploads WHERE status = 'pending'"))
        pending = alice.get("/files", params={"status": "pending"}).json()["items"][0]
        assert pending["id"] not in {item["id"] for item in alice.get("/files").json()["items"]}
        for way in ("download", "presigned-url", "metadata"):
            answer = alice.get(f"/files/{pending['id']}/{way}")
            assert (answer.status_code, answer.json()["code"]) == (409, "file_not_available")
        assert alice.post(f"/files/{pending['id']}/copy").status_code == 409


def test_sigterm_cuts_an_upload_off_and_leaves_nothing(service, registry):
    """Case 99: the service cleans up after the clients that it had to leave."""
    # The grace is for everything: the upload is cut off after seven tenths of it.
    hurried = {"S3_ALLOWED_EXTENSIONS": "bin", "SHUTDOWN_GRACE_SECONDS": "6"}
    with serving(service.settings, **hurried) as process, raw_connection(process.port) as connection:
        connection.send_head("PUT", "/api/v1/files/raw/data.bin", raw_head(service, len(CONTENT)))
        connection.send(CONTENT[: 20 * MEBIBYTE])
        wait_until(lambda: registry.rows("SELECT 1 FROM stored_objects WHERE upload_id IS NOT NULL"))
        process.child.send_signal(signal.SIGTERM)
        assert process.child.wait(30) == 0
        assert registry.rows("SELECT 1 FROM file_uploads WHERE status = 'pending'") == []
