"""Downloads that go wrong: clients that leave, a store that stalls, breaks off or has lost the object."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from tests.support.faulty_store import faulty_store
from tests.support.raw_http import raw_connection
from tests.support.service import wait_until

CONTENT = bytes(range(256)) * (20 * 4096)
READS = r"^GET /"


@pytest.fixture(scope="module")
def narrow(parts, start_service):
    """A service with one database connection, 48 streams at most and little patience, behind a proxy that can fail."""
    with (
        faulty_store(parts["S3_ENDPOINT_URL"]) as proxy,
        start_service(
            store={"endpoint_url": proxy.endpoint_url, "max_concurrency": 6, "read_timeout_seconds": 2},
            database={"pool_size": 1, "pool_timeout_seconds": 1},
        ) as service,
    ):
        yield service, proxy


@pytest.fixture
def narrow_service(narrow):
    return narrow[0]


@pytest.fixture
def proxy(narrow):
    yield narrow[1]
    narrow[1].heal()


@pytest.fixture
def client(narrow_service):
    with narrow_service.client("alice") as client:
        yield client


@pytest.fixture(scope="module")
def file(narrow):
    """20 MiB of alice's."""
    with narrow[0].client("alice") as client:
        answer = client.post("/files/upload", files={"file": ("big.bin", CONTENT)})
        assert answer.status_code == 201, answer.text
        return answer.json()


def open_streams(service) -> int:
    return service.app.state.file_services.reader._store._s3.readers.open_streams


def borrowed_connections(service) -> int:
    return service.app.state.file_services.reader._database.engine.pool.checkedout()


@contextmanager
def reader(service, file):
    """A raw connection that has asked for a download and read its first bytes."""
    line, token = f"GET /api/v1/files/{file['id']}/download HTTP/1.1", service.token("alice")
    head = f"{line}\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        # A small window: what the client doesn't read stays with the service.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(head.encode())
        assert connection.recv(1024).startswith(b"HTTP/1.1 200")
        yield connection


def test_clients_that_go_away_leave_no_stream_open(narrow_service, client, file):
    """Case 52: a leaked one holds a connection to the store for ever."""
    for _ in range(50):
        with reader(narrow_service, file):
            pass
    wait_until(lambda: open_streams(narrow_service) == 0, timeout_seconds=10)
    assert client.get(f"/files/{file['id']}/download").content == CONTENT


def test_slow_readers_hold_no_database_connection(narrow_service, client, file):
    """Case 39: a pool of one connection, and five clients that don't read on."""
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(reader(narrow_service, file))
        assert open_streams(narrow_service) == 5
        assert borrowed_connections(narrow_service) == 0
        assert client.get(f"/files/{file['id']}").status_code == 200
    wait_until(lambda: open_streams(narrow_service) == 0)


def test_a_stalling_store_holds_no_database_connection(narrow_service, client, file, proxy):
    """Case 39: five downloads wait for the store; when it goes on, they get all of it."""
    with ExitStack() as stack:
        proxy.stall_after(100_000, direction="down", matching=READS)
        answers = [stack.enter_context(client.stream("GET", f"/files/{file['id']}/download")) for _ in range(5)]
        assert all(proxy.stalled.acquire(timeout=5) for _ in answers)
        assert borrowed_connections(narrow_service) == 0
        assert client.get(f"/files/{file['id']}").status_code == 200
        proxy.heal()
        assert all(b"".join(answer.iter_bytes()) == CONTENT for answer in answers)


def test_one_database_connection_is_enough_beside_stalled_uploads_and_downloads(
    narrow_service, client, file, proxy, registry
):
    """Case 39: five uploads whose clients pause, and five downloads that wait."""
    half = CONTENT[: len(CONTENT) // 2]
    token = narrow_service.token("alice")
    with ExitStack() as stack:
        uploads = [stack.enter_context(raw_connection(narrow_service.port)) for _ in range(5)]
        for number, upload in enumerate(uploads):
            head = {"Authorization": f"Bearer {token}", "Content-Length": str(len(CONTENT))}
            upload.send_head("PUT", f"/api/v1/files/raw/{number}.bin", head)
            upload.send(half)
        begun = "SELECT 1 FROM stored_objects WHERE state = 'reserved' AND upload_id IS NOT NULL"
        wait_until(lambda: len(registry.rows(begun)) == 5)
        proxy.stall_after(100_000, direction="down", matching=READS)
        downloads = [stack.enter_context(client.stream("GET", f"/files/{file['id']}/download")) for _ in range(5)]
        assert all(proxy.stalled.acquire(timeout=5) for _ in downloads)
        for _ in range(20):
            assert client.get(f"/files/{file['id']}").status_code == 200
        proxy.heal()
        assert all(b"".join(answer.iter_bytes()) == CONTENT for answer in downloads)
        for upload in uploads:
            upload.send(CONTENT[len(half) :])
        assert [upload.answer().status for upload in uploads] == [201] * 5


@pytest.mark.parametrize("passed_bytes", [2_000, 10 * 1024 * 1024])
def test_a_store_that_breaks_off_never_looks_like_the_end(client, narrow_service, file, proxy, passed_bytes):
    """Case 60."""
    proxy.cut_after(passed_bytes, direction="down", matching=READS)
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(f"/files/{file['id']}/download")
    wait_until(lambda: open_streams(narrow_service) == 0)


def test_a_store_that_stops_in_the_middle_is_not_waited_for_for_ever(client, narrow_service, file, proxy):
    """Cases 27 and 60: the read time-out ends it, and the client sees that it's not the whole."""
    proxy.stall_after(5_000_000, direction="down", matching=READS)
    started = time.monotonic()
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(f"/files/{file['id']}/download")
    assert time.monotonic() - started < 5
    wait_until(lambda: open_streams(narrow_service) == 0)


def test_a_store_that_is_down_is_503_and_not_a_lost_file(client, file, proxy):
    proxy.refuse()
    answer = client.get(f"/files/{file['id']}/download")
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert client.get(f"/files/{file['id']}").status_code == 200


def test_a_connection_lost_before_the_first_byte_is_tried_again_unseen(client, file, proxy):
    proxy.cut_after(0, direction="down", matching=READS, times=1)
    assert client.get(f"/files/{file['id']}/download").content == CONTENT


def test_head_asks_the_store_nothing(client, file, proxy):
    """Case 56."""
    before = len(proxy.requests)
    assert client.head(f"/files/{file['id']}/download").status_code == 200
    assert client.get(f"/files/{file['id']}/download", headers={"If-None-Match": file["etag"]}).status_code == 304
    assert proxy.requests[before:] == []


@pytest.mark.parametrize("replaced_by", [None, b"other bytes"])
def test_an_object_removed_or_changed_behind_our_back_is_404(alice, upload, bucket, replaced_by):
    """Case 61."""
    file = upload(b"the true bytes")
    if replaced_by is None:
        bucket.client.delete_object(Bucket=bucket.name, Key=file["s3_key"])
    else:
        bucket.client.put_object(Bucket=bucket.name, Key=file["s3_key"], Body=replaced_by)
    answer = alice.get(f"/files/{file['id']}/download")
    assert (answer.status_code, answer.json()["code"]) == (404, "file_not_found")
    assert alice.get(f"/files/{file['id']}").status_code == 200
    assert alice.delete(f"/files/{file['id']}", params={"hard_delete": True}).status_code == 204


def test_what_the_store_says_of_a_lost_object_is_404_too(alice, upload, bucket):
    """Case 61."""
    file = upload(b"the true bytes")
    bucket.client.delete_object(Bucket=bucket.name, Key=file["s3_key"])
    assert alice.get(f"/files/{file['id']}/metadata").status_code == 404
    assert alice.get(f"/files/{file['id']}/exists").json() == {"exists": False, "in_registry": True, "in_store": False}
    assert alice.delete(f"/files/{file['id']}", params={"hard_delete": True}).status_code == 204
