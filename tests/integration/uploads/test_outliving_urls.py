"""An upload's URL is used again when everything is over: what it writes is never served, counted or kept.

Nothing here depends on what the store answers. Some take the bytes, some don't.
"""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from app.modules.files.models import ObjectRole
from tests.support.outliving import ENDS, EVIL, PDF, Outliving, hard_delete, quick_client
from tests.support.service import wait_until
from tests.support.stores import miscounted

METHODS = ["put", "post", "multipart"]


@pytest.fixture(scope="module")
def client(start_service):
    with quick_client(start_service) as client:
        yield client


@pytest.fixture
def begun(client, registry, bucket, methods):
    """Begin an upload whose URLs live for seven days; None where the store has no such way."""

    def begin(method: str, **wish) -> Outliving | None:
        return Outliving.begun(client, registry, bucket, method, **wish) if method in methods else None

    return begin


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("method", METHODS)
def test_what_an_url_writes_after_the_end_is_never_served_and_soon_gone(begun, method, end):
    each = begun(method)
    if each is None:
        return
    ENDS[end](each)
    each.wait_until_given_up_objects_are_gone()
    expected = each.readable()
    each.write_late()
    assert each.readable() == expected
    assert EVIL not in expected
    # Long before the URL dies.
    wait_until(lambda: each.evil_keys() == set())
    each.write_late()
    each.end_urls()
    wait_until(lambda: each.states() <= {"stored", "removed"})
    assert each.evil_keys() == set()
    assert each.readable() == expected


@pytest.mark.parametrize("method", METHODS)
def test_an_upload_that_expired_leaves_nothing_of_what_came_before_its_end(begun, method):
    each = begun(method)
    if each is None:
        return
    each.write_late()
    each.end_urls()
    wait_until(lambda: each.states() == {"removed"})
    assert each.evil_keys() == set()
    assert each.readable() == []
    assert each.client.get(f"/files/{each.file_id}").status_code == 404


@pytest.mark.parametrize("method", METHODS)
def test_no_key_of_a_file_ever_had_an_url_that_outlives_the_upload(begun, registry, capabilities, method):
    each = begun(method)
    if each is None:
        return
    query = "SELECT role, key FROM stored_objects WHERE file_id = $1"
    [written] = registry.rows(query, each.file_id)
    is_sealed = method == "multipart" and capabilities["sealed_multipart"]
    assert written["role"] == (ObjectRole.CONTENT if is_sealed else ObjectRole.STAGING)
    assert ("/.holdfast/staging/" in f"/{written['key']}") is not is_sealed
    assert each.finish().status_code == 200
    key = each.client.get(f"/files/{each.file_id}").json()["s3_key"]
    assert (key == written["key"]) is is_sealed
    assert ".holdfast" not in key
    for url in each.reads:
        assert urlsplit(url).path.endswith(key)


def test_an_upload_that_an_older_release_began_under_a_files_key_is_copied_away_from_its_url(begun, registry):
    each = begun("put")
    [written] = registry.rows("SELECT id, key FROM stored_objects WHERE file_id = $1", each.file_id)
    registry.rows("UPDATE stored_objects SET role = 'content' WHERE id = $1", written["id"])
    registry.rows("UPDATE file_uploads SET current_object_id = $2 WHERE id = $1", each.file_id, written["id"])
    assert each.finish().status_code == 200
    record = each.client.get(f"/files/{each.file_id}").json()
    assert record["s3_key"] != written["key"]
    each.wait_until_given_up_objects_are_gone()
    each.write_late()
    assert each.readable() == [PDF] * 3
    each.end_urls()
    wait_until(lambda: each.states() == {"stored", "removed"})


@pytest.mark.parametrize("end", ["completion", "hard delete"])
def test_late_bytes_count_for_nobody_and_confuse_no_record(begun, registry, end):
    each = begun("put")
    ENDS[end](each)
    each.wait_until_given_up_objects_are_gone()
    usage, path = each.client.get("/usage").json(), f"/files/{each.file_id}"

    def seen():
        record = each.client.get(path).json()
        return record.get("version"), record.get("etag"), each.client.head(f"{path}/download").status_code

    before = seen()
    assert each.write_late() == [200]
    assert each.client.get("/usage").json() == usage
    assert miscounted(registry) == []
    assert seen() == before


def test_reconcile_moves_late_bytes_nowhere_and_scrub_does_not_read_them(own_corner, own_registry, bucket):
    with own_corner.service.client("alice") as client:
        each = Outliving.begun(client, own_registry, bucket, "put")
        each.finish()
        each.wait_until_given_up_objects_are_gone()
        each.write_late()
        late = each.evil_keys()
        assert own_corner.reconcile(dry_run=True) == {}
        assert own_corner.reconcile() == {}
        assert own_corner.aside() == set()
        assert each.evil_keys() == late
        assert each.readable() == [PDF] * 3
        each.end_urls()
        wait_until(lambda: each.states() == {"stored", "removed"})
        assert each.evil_keys() == set()


def test_a_transfer_that_goes_on_beyond_the_urls_end_is_removed_too(start_service, own_registry, bucket):
    """Stores look at a URL when a request begins. Nobody lists staging here: the last look alone removes it."""
    groups = {
        "database": {"url": own_registry.dsn},
        "upload": {"cleanup_interval_seconds": 3600, "longest_transfer_seconds": 8},
        "outbox": {"poll_seconds": 0.1},
    }
    with start_service(**groups) as service, service.client("alice") as client:
        each = Outliving.begun(client, own_registry, bucket, "put")
        hard_delete(each)
        each.wait_until_given_up_objects_are_gone()
        with half_sent(each) as connection:
            each.end_urls()
            connection.sendall(EVIL[len(EVIL) // 2 :])
            assert connection.recv(1024).startswith(b"HTTP/1.1 200")
        assert EVIL not in each.readable()
        wait_until(lambda: each.states() == {"removed"})
        assert each.evil_keys() == set()


def half_sent(each: Outliving) -> socket.socket:
    """A PUT of which half the body is on its way."""
    told = each.upload["upload"]
    url = urlsplit(told["url"])
    headers = {"Host": url.netloc, "Content-Length": str(len(EVIL)), "Connection": "close", **told["headers"]}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    connection = socket.create_connection((url.hostname, url.port), timeout=30)
    connection.sendall(f"PUT {url.path}?{url.query} HTTP/1.1\r\n{head}\r\n".encode() + EVIL[: len(EVIL) // 2])
    return connection
