"""Quotas of what is on its way: it counts from its beginning, and no longer than it may still come."""

from __future__ import annotations

import pytest

from tests import samples
from tests.support.direct import begin, complete, put, send
from tests.support.processes import serving
from tests.support.quotas import LARGE, NOTHING, half_sent, is_refused, send_raw, usage, used
from tests.support.service import wait_until


@pytest.mark.parametrize("method", ["put", "post", "multipart"])
def test_a_direct_upload_counts_from_its_beginning(roomy, methods, method):
    if method not in methods:
        return
    content = samples.pdf()
    upload = begin(roomy, content, "report.pdf", method=method)
    assert usage(roomy) == used(0, 0, len(content), 1)
    send(roomy, upload, content)
    assert complete(roomy, upload).status_code == 200
    assert usage(roomy) == used(len(content), 1)


def test_an_aborted_upload_gives_its_room_back(limited):
    with limited(max_bytes=1000) as client:
        upload = begin(client, b"x" * 1000, "data.bin")
        assert is_refused(send_raw(client, b"x"))
        assert client.delete(f"/files/uploads/{upload['file']['id']}").status_code == 204
        assert send_raw(client, b"x").status_code == 201


def test_a_rejected_file_counts_for_nothing(roomy):
    html = b"<html><script>alert(1)</script></html>"
    upload = begin(roomy, html, "picture.png")
    put(upload, html)
    assert complete(roomy, upload).json()["code"] == "upload_rejected"
    assert usage(roomy) == NOTHING
    assert roomy.delete(f"/files/{upload['file']['id']}", params={"hard_delete": True}).status_code == 204
    assert usage(roomy) == NOTHING


def test_an_upload_that_nobody_completes_gives_its_room_back(start_service, registry, owner):
    with start_service(upload={"cleanup_interval_seconds": 0.1}) as service, service.client(owner) as client:
        upload = begin(client, b"x" * 1000, "data.bin")
        assert usage(client) == used(0, 0, 1000, 1)
        registry.rows(
            "UPDATE stored_objects SET lease_expires_at = now(), url_expires_at = now() WHERE file_id = $1",
            upload["file"]["id"],
        )
        wait_until(lambda: usage(client) == NOTHING)


def test_a_declared_length_is_what_is_held(service, roomy, owner):
    with half_sent(service.port, service.token(owner), "/files/raw/data.bin") as (connection, rest):
        wait_until(lambda: usage(roomy) == used(0, 0, len(LARGE), 1))
        connection.send(rest)
        assert connection.answer().status == 201
    assert usage(roomy) == used(len(LARGE), 1)


def test_an_unknown_length_holds_the_most_that_may_come(service, roomy, owner):
    most = service.settings.store.max_file_size_bytes
    with half_sent(service.port, service.token(owner), "/files/raw/data.bin", length=None) as (connection, rest):
        wait_until(lambda: usage(roomy) == used(0, 0, most, 1))
        connection.send_chunk(rest)
        connection.send(b"0\r\n\r\n")
        assert connection.answer().status == 201
    assert usage(roomy) == used(len(LARGE), 1)


def test_an_unknown_length_that_was_read_whole_holds_no_more_than_it_is(limited):
    with limited(max_bytes=10) as client:
        assert send_raw(client, iter([b"x" * 4, b"y" * 4])).status_code == 201
        assert usage(client) == used(8, 1)


def test_a_client_that_goes_away_gives_its_room_back(service, roomy, owner):
    with half_sent(service.port, service.token(owner), "/files/raw/data.bin"):
        wait_until(lambda: usage(roomy)["reserved_files"] == 1)
    wait_until(lambda: usage(roomy) == NOTHING)


def test_a_killed_process_gives_its_room_back(start_service, owner):
    with (
        start_service(upload={"cleanup_interval_seconds": 0.1}) as service,
        serving(service.settings, S3_ALLOWED_EXTENSIONS="bin", UPLOAD_LEASE_SECONDS="1") as process,
        service.client(owner) as client,
    ):
        with half_sent(process.port, service.token(owner), "/files/raw/data.bin"):
            wait_until(lambda: usage(client) == used(0, 0, len(LARGE), 1))
            process.child.kill()
        wait_until(lambda: usage(client) == NOTHING)


def test_old_and_new_bytes_count_until_the_flip(service, roomy, owner):
    file = send_raw(roomy, b"x" * 1000).json()
    with half_sent(service.port, service.token(owner), f"/files/{file['id']}/content") as (connection, rest):
        wait_until(lambda: usage(roomy) == used(1000, 1, len(LARGE), 0))
        connection.send(rest)
        assert connection.answer().status == 200
    assert usage(roomy) == used(len(LARGE), 1)


def test_a_replacement_on_its_way_goes_to_the_new_owner_with_its_file(service, roomy, admin, owner):
    file = send_raw(roomy, b"x" * 1000).json()
    heir, path = f"{owner}-heir", f"/files/{file['id']}"
    with half_sent(service.port, service.token("root", scopes={"files:admin"}), f"{path}/content") as (sending, rest):
        wait_until(lambda: usage(roomy) == used(1000, 1, len(LARGE), 0))
        admin.put(f"/usage/{heir}/limits", json={"max_bytes": len(LARGE)})
        assert is_refused(admin.patch(path, json={"owner_id": heir})), "what is on its way needs room there, too"
        admin.put(f"/usage/{heir}/limits", json={"max_bytes": len(LARGE) + 1000})
        assert admin.patch(path, json={"owner_id": heir}).status_code == 200
        assert usage(roomy) == NOTHING
        assert usage(admin, owner_id=heir) == used(1000, 1, len(LARGE), 0)
        sending.send(rest)
        assert sending.answer().status == 200
    assert usage(admin, owner_id=heir) == used(len(LARGE), 1)
