"""Direct uploads: the bytes go to the store, and nobody sees them before they passed every check."""

from __future__ import annotations

import hashlib

import httpx
import pytest

from app.config import MEBIBYTE
from tests import samples
from tests.support.content import noise
from tests.support.direct import begin, complete, post_form, put, send, send_parts
from tests.support.service import wait_until

PDF = samples.pdf()


@pytest.mark.parametrize("method", ["put", "post", "multipart"])
def test_what_was_sent_becomes_available_when_completed(alice, methods, method):
    if method not in methods:
        return
    upload = begin(alice, PDF, "report.pdf", method=method, folder="direct", metadata={"a": [1]})
    assert upload["file"]["status"] == "pending"
    assert alice.get(f"/files/{upload['file']['id']}/download").status_code == 409
    send(alice, upload, PDF)
    answer = complete(alice, upload)
    assert answer.status_code == 200, answer.text
    file = answer.json()
    assert (file["status"], file["file_size"], file["content_type"]) == ("available", len(PDF), "application/pdf")
    assert (file["folder"], file["metadata"]) == ("direct", {"a": [1]})
    assert alice.get(f"/files/{file['id']}/download").content == PDF
    assert alice.get("/files", params={"folder": "direct"}).json()["items"][0]["id"] == file["id"]


def test_a_small_file_gets_its_sha256_although_none_was_declared(alice):
    upload = begin(alice, PDF, "report.pdf")
    send(alice, upload, PDF)
    assert complete(alice, upload).json()["checksum_sha256"] == hashlib.sha256(PDF).hexdigest()


def test_a_larger_file_keeps_the_sha256_that_was_declared_and_checked(alice):
    content = noise(200_000)
    digest = hashlib.sha256(content).hexdigest()
    upload = begin(alice, content, "data.bin", checksum_sha256=digest)
    send(alice, upload, content)
    assert complete(alice, upload).json()["checksum_sha256"] == digest


def test_without_a_declared_sha256_a_larger_file_has_none_and_an_etag_all_the_same(alice):
    content = noise(200_000)
    upload = begin(alice, content, "data.bin")
    send(alice, upload, content)
    file = complete(alice, upload).json()
    assert file["checksum_sha256"] is None
    assert file["etag"].startswith('"obj-')


def test_everything_that_was_declared_is_pinned_in_the_url(alice):
    """Cases 9, 10: another length, type or checksum is no valid request."""
    digest = hashlib.sha256(PDF).hexdigest()
    upload = begin(alice, PDF, "report.pdf", checksum_sha256=digest)
    url, headers = upload["upload"]["url"], upload["upload"]["headers"]
    assert "content-length" not in {name.lower() for name in headers}
    for wrong in (
        {"content": PDF + b"x"},
        {"content": PDF[:-1]},
        {"headers": headers | {"Content-Type": "text/html"}},
        {"headers": {name: value for name, value in headers.items() if name != "x-amz-checksum-sha256"}},
        {"url": url.replace("X-Amz-Signature=", "X-Amz-Signature=0")},
        {"url": url.replace("?", ".exe?", 1)},
    ):
        request = {"url": url, "headers": headers, "content": PDF} | wrong
        assert httpx.put(**request).status_code in {400, 403}, wrong
    assert httpx.get(url).status_code == 403
    bytes_of_the_same_length = bytes(len(PDF))
    assert httpx.put(url, headers=headers, content=bytes_of_the_same_length).status_code == 400
    assert complete(alice, upload).json()["code"] == "upload_incomplete"
    assert put(upload, PDF).status_code == 200
    assert complete(alice, upload).status_code == 200


@pytest.mark.parametrize("method", ["put", "post"])
def test_an_url_never_changes_a_verified_file(alice, bucket, methods, method):
    """Case 12: different bytes of the same length, before and after completion."""
    if method not in methods:
        return
    evil = b"%PDF-1.4 evil".ljust(len(PDF), b" ")
    upload = begin(alice, PDF, "report.pdf", method=method)
    send(alice, upload, PDF)
    again = put(upload, evil) if method == "put" else post_form(upload, evil)
    is_changed = again.status_code in {200, 204}
    file = complete(alice, upload).json()
    served = alice.get(f"/files/{file['id']}/download").content
    assert served == (evil if is_changed else PDF)
    for content in (evil, PDF, evil):
        put(upload, content) if method == "put" else post_form(upload, content)
        assert alice.get(f"/files/{file['id']}/download").content == served
    assert bucket.read(file["s3_key"]) == served
    remove_late_objects(bucket, file["s3_key"])


def remove_late_objects(bucket, keep: str) -> None:
    """What a late URL wrote to staging is the ledger's to remove, after the URL's end; see test_upload_expiry."""
    for key in bucket.all_keys():
        if ".holdfast/staging/" in key:
            assert key != keep
            bucket.client.delete_object(Bucket=bucket.name, Key=key)


def test_html_sent_as_png_is_rejected_and_removed(alice, bucket):
    """Case 50."""
    before = bucket.keys()
    page = samples.HTML
    upload = begin(alice, page, "picture.png", content_type="image/png")
    send(alice, upload, page)
    answer = complete(alice, upload)
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_rejected")
    record = alice.get(f"/files/{upload['file']['id']}").json()
    assert record["status"] == "rejected"
    assert record["rejection"]["code"] == "content_type_mismatch"
    assert complete(alice, upload).json()["code"] == "upload_rejected"
    assert alice.get(f"/files/{record['id']}/download").status_code == 409
    wait_until(lambda: bucket.keys() == before)


def test_a_wrong_sha256_of_a_whole_multipart_file_is_rejected(alice):
    content = noise(6 * MEBIBYTE)
    upload = begin(alice, content, "data.bin", method="multipart", checksum_sha256="0" * 64)
    send(alice, upload, content)
    answer = complete(alice, upload)
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_rejected")
    rejection = alice.get(f"/files/{upload['file']['id']}").json()["rejection"]
    assert rejection["code"] == "checksum_mismatch"


def test_completing_twice_and_after_a_lost_reply_gives_the_same_file(alice):
    """Case 45."""
    content = noise(11 * MEBIBYTE)
    upload = begin(alice, content, "data.bin", method="multipart", part_size=5 * MEBIBYTE)
    send(alice, upload, content)
    first, second = complete(alice, upload), complete(alice, upload)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()


def test_parts_that_are_missing_are_told_and_sent_later(alice):
    """Case 42: the client remembers no ETags; the store is asked for its list."""
    content = noise(11 * MEBIBYTE)
    upload = begin(alice, content, "data.bin", method="multipart", part_size=5 * MEBIBYTE)
    assert (upload["upload"]["part_count"], upload["upload"]["part_size"]) == (3, 5 * MEBIBYTE)
    send_parts(alice, upload, content, [1, 3])
    refused = complete(alice, upload)
    assert (refused.status_code, refused.json()["code"]) == (409, "upload_incomplete")
    assert "part 2" in refused.json()["detail"]
    state = alice.get(f"/files/uploads/{upload['file']['id']}").json()
    assert [(part["part_number"], part["size"]) for part in state["parts"]] == [(1, 5 * MEBIBYTE), (3, MEBIBYTE)]
    etags = send_parts(alice, upload, content, [2])
    given = [{"part_number": part["part_number"], "etag": part["etag"]} for part in state["parts"]]
    given.append({"part_number": 2, "etag": etags[2].strip('"')})
    answer = complete(alice, upload, parts=given)
    assert answer.status_code == 200, answer.text
    assert alice.get(f"/files/{upload['file']['id']}/download").content == content


def test_a_part_url_takes_exactly_its_part(alice):
    """Case 47."""
    content = noise(11 * MEBIBYTE)
    upload = begin(alice, content, "data.bin", method="multipart", part_size=5 * MEBIBYTE)
    path = f"/files/uploads/{upload['file']['id']}/parts"
    digest = hashlib.sha256(content[: 5 * MEBIBYTE]).hexdigest()
    signed = alice.post(path, json={"part_numbers": [1], "checksums": {"1": digest}}).json()["parts"][0]
    assert httpx.put(signed["url"], headers=signed["headers"], content=content[:100]).status_code == 403
    wrong = bytes(5 * MEBIBYTE)
    assert httpx.put(signed["url"], headers=signed["headers"], content=wrong).status_code == 400
    right = httpx.put(signed["url"], headers=signed["headers"], content=content[: 5 * MEBIBYTE])
    assert right.status_code == 200
    assert alice.post(path, json={"part_numbers": [4]}).status_code == 422
    assert alice.delete(f"/files/uploads/{upload['file']['id']}").status_code == 204


def test_a_part_url_never_changes_a_completed_file(alice):
    """Some stores take parts of an upload that is over, and the object breaks: there a copy is served."""
    content = noise(11 * MEBIBYTE)
    upload = begin(alice, content, "data.bin", method="multipart", part_size=5 * MEBIBYTE)
    path = f"/files/uploads/{upload['file']['id']}"
    late = alice.post(f"{path}/parts", json={"part_numbers": [1]}).json()["parts"][0]
    send(alice, upload, content)
    file = complete(alice, upload).json()
    httpx.put(late["url"], headers=late["headers"], content=bytes(5 * MEBIBYTE))
    assert alice.get(f"/files/{file['id']}/download").content == content


def test_an_aborted_upload_leaves_nothing_and_takes_no_late_part(alice, bucket):
    """Case 48."""
    content = noise(11 * MEBIBYTE)
    upload = begin(alice, content, "data.bin", method="multipart", part_size=5 * MEBIBYTE)
    send_parts(alice, upload, content, [1])
    path = f"/files/uploads/{upload['file']['id']}"
    late = alice.post(f"{path}/parts", json={"part_numbers": [2]}).json()["parts"][0]
    assert alice.delete(path).status_code == 204
    assert bucket.unfinished() == []
    refused = httpx.put(late["url"], headers=late["headers"], content=content[5 * MEBIBYTE : 10 * MEBIBYTE])
    assert refused.status_code == 404
    for answer in (alice.get(path), alice.post(f"{path}/complete"), alice.delete(path)):
        assert (answer.status_code, answer.json()["code"]) == (404, "upload_not_found")


def test_a_complete_upload_can_not_be_aborted_also_when_its_file_lies_in_the_bin(alice):
    """A late abort would else remove for good what its owner may restore."""
    upload = begin(alice, PDF, "report.pdf")
    put(upload, PDF)
    complete(alice, upload)
    path = f"/files/uploads/{upload['file']['id']}"
    assert alice.delete(path).status_code == 404
    alice.delete(f"/files/{upload['file']['id']}")
    assert alice.delete(path).status_code == 404
    assert alice.post(f"/files/{upload['file']['id']}/restore").status_code == 200


def test_a_pending_file_becomes_available_when_its_record_is_read(alice):
    """A client that sent its file and never came back to complete it."""
    upload = begin(alice, PDF, "report.pdf")
    assert put(upload, PDF).status_code == 200
    assert alice.get(f"/files/{upload['file']['id']}").json()["status"] == "available"


def test_strangers_learn_nothing_of_an_upload(alice, bob, anonymous):
    """Case 22."""
    upload = begin(alice, PDF, "report.pdf", method="multipart")
    path = f"/files/uploads/{upload['file']['id']}"
    calls = [("GET", path, None), ("POST", f"{path}/parts", {"part_numbers": [1]}), ("POST", f"{path}/complete", {})]
    for method, url, body in [*calls, ("DELETE", path, None)]:
        stranger = bob.request(method, url, json=body)
        assert (stranger.status_code, stranger.json()["code"]) == (404, "upload_not_found")
        assert anonymous.request(method, url, json=body).status_code == 401
    assert alice.delete(path).status_code == 204


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"filename": "run.exe"}, 415, "extension_not_allowed"),
        ({"content_type": "text/html"}, 415, "content_type_not_allowed"),
        ({"file_size": 0}, 422, "empty_file"),
        ({"file_size": 10**12}, 413, "file_too_large"),
        ({"file_size": -1}, 422, "validation_error"),
        ({"folder": "../x"}, 422, "invalid_folder"),
        ({"metadata": {"a": "\x00"}}, 422, "invalid_metadata"),
        ({"expiry": 0}, 422, "validation_error"),
        ({"expiry": 604_801}, 422, "validation_error"),
        ({"method": "multipart", "part_size": 100}, 422, "validation_error"),
        ({"method": "ftp"}, 422, "validation_error"),
        ({"colour": "red"}, 422, "validation_error"),
        ({"owner_id": "bob"}, 403, "forbidden"),
    ],
)
def test_what_a_proxied_upload_refuses_is_refused_before_anything_is_signed(alice, changes, status, code):
    wish = {"filename": "report.pdf", "content_type": "application/pdf", "file_size": 100} | changes
    answer = alice.post("/files/uploads", json=wish)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_the_stores_own_upload_id_never_leaves_the_service_but_in_part_urls(alice, registry):
    upload = begin(alice, PDF, "report.pdf", method="multipart")
    query = "SELECT upload_id FROM stored_objects WHERE file_id = $1"
    upload_id = registry.rows(query, upload["file"]["id"])[0]["upload_id"]
    state = alice.get(f"/files/uploads/{upload['file']['id']}")
    assert upload_id
    assert upload_id not in str(upload)
    assert upload_id not in state.text
    assert alice.delete(f"/files/uploads/{upload['file']['id']}").status_code == 204
