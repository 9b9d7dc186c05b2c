"""PUT …/content: other bytes under the same id, all of them or none."""

from __future__ import annotations

import hashlib
from uuid import uuid4

import httpx
import pytest

from app.config import MEBIBYTE
from tests.samples import jpeg, pdf, png
from tests.support.content import noise
from tests.support.raw_http import raw_connection
from tests.support.replacing import LARGE, OLD, begin, is_as_before, replace
from tests.support.service import wait_until


@pytest.mark.parametrize("content", [b"\xffsmall", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("framing", ["declared", "chunked"])
def test_new_bytes_go_to_a_new_key_and_the_old_ones_are_removed(alice, bucket, binary, content, framing):
    answer = replace(alice, binary, content if framing == "declared" else iter([content]))
    assert answer.status_code == 200, answer.text
    file = answer.json()
    digest = hashlib.sha256(content).hexdigest()
    assert file == binary | {
        "s3_key": file["s3_key"],
        "file_size": len(content),
        "content_type": "application/octet-stream" if content == LARGE else "text/plain",
        "checksum_sha256": digest,
        "etag": f'"sha256-{digest}"',
        "version": 2,
        "updated_at": file["updated_at"],
    }
    assert answer.headers["ETag"] == '"v2"'
    assert alice.get(f"/files/{file['id']}").json() == file
    assert alice.get(f"/files/{file['id']}/download").content == content
    assert file["s3_key"] != binary["s3_key"]
    wait_until(lambda: {file["s3_key"], binary["s3_key"]} & bucket.keys() == {file["s3_key"]})
    head = bucket.client.head_object(Bucket=bucket.name, Key=file["s3_key"])
    assert (head["Metadata"], head["ContentType"]) == ({"file-id": file["id"]}, file["content_type"])


def test_a_file_can_be_given_other_bytes_again_and_again(alice, registry, binary):
    for number in range(3):
        assert replace(alice, binary, b"\xff%d" % number).json()["version"] == number + 2
    assert alice.get(f"/files/{binary['id']}/download").content == b"\xff2"
    states = "SELECT state, count(*) FROM stored_objects WHERE file_id = $1 GROUP BY 1"

    def counted():
        return {row["state"]: row["count"] for row in registry.rows(states, binary["id"])}

    wait_until(lambda: counted() == {"stored": 1, "removed": 3})


def test_the_same_bytes_are_the_same_content(alice, upload):
    """The record has changed, the content has not: a download may go on."""
    file = upload(OLD)
    again = replace(alice, file, OLD).json()
    assert (again["etag"], again["version"]) == (file["etag"], 2)
    answer = alice.get(f"/files/{file['id']}/download", headers={"Range": "bytes=5-", "If-Range": file["etag"]})
    assert (answer.status_code, answer.content) == (206, OLD[5:])


@pytest.mark.parametrize(
    ("filename", "old", "new", "declared", "code"),
    [
        ("a.png", png(), jpeg(), None, "content_type_mismatch"),
        ("a.png", png(), b"<html><script>alert(1)</script></html>", "image/png", "content_type_mismatch"),
        ("a.png", png(), png(2, 2), "application/pdf", "content_type_mismatch"),
        ("a.png", png(), png(2, 2), "text/html", "content_type_not_allowed"),
        ("a.pdf", pdf(), png(), "application/pdf", "content_type_mismatch"),
    ],
)
def test_the_files_own_name_says_what_its_bytes_may_be(alice, bucket, upload, filename, old, new, declared, code):
    file = upload(old, filename)
    answer = replace(alice, file, new, headers={"Content-Type": declared} if declared else {})
    assert (answer.status_code, answer.json()["code"]) == (415, code)
    assert is_as_before(alice, bucket, file)


def test_the_type_may_change_within_what_the_name_allows(alice, upload):
    file = upload(b"id,name\n1,Ada\n", "table.txt")
    assert file["content_type"] == "text/plain"
    csv = upload(b"id,name\n1,Ada\n", "table.csv")
    excel = replace(alice, csv, b"id;name\n2;Bob\n", headers={"Content-Type": "application/vnd.ms-excel"})
    assert (excel.status_code, excel.json()["content_type"]) == (200, "text/csv")


def test_a_given_checksum_must_be_that_of_the_bytes(alice, bucket, binary):
    for content in (b"\xffsmall", LARGE):
        wrong = replace(alice, binary, content, checksum_sha256="0" * 64)
        assert (wrong.status_code, wrong.json()["code"]) == (422, "checksum_mismatch")
        assert is_as_before(alice, bucket, binary)
    right = replace(alice, binary, LARGE, checksum_sha256=hashlib.sha256(LARGE).hexdigest().upper())
    assert right.status_code == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [({"checksum_sha256": "abc"}, "query.checksum_sha256"), ({"folder": "a"}, "query.folder")],
)
def test_a_wrong_query_is_refused_by_the_name_of_the_field(alice, binary, query, field):
    answer = replace(alice, binary, b"x", **query)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def test_no_bytes_are_no_content(alice, bucket, binary):
    answer = replace(alice, binary, b"")
    assert (answer.status_code, answer.json()["code"]) == (422, "empty_file")
    assert is_as_before(alice, bucket, binary)


@pytest.mark.parametrize("framing", ["declared", "chunked"])
def test_too_many_bytes_are_refused_however_they_are_framed(start_service, bucket, framing):
    with start_service(store={"max_file_size_mb": 1}) as service, service.client("alice") as client:
        file = client.put("/files/raw/data.bin", content=b"\xffsmall").json()
        content = noise(2 * MEBIBYTE)
        answer = replace(client, file, content if framing == "declared" else iter([content]))
        assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
        assert is_as_before(client, bucket, file)
        assert replace(client, file, noise(MEBIBYTE)).status_code == 200


@pytest.mark.parametrize(
    ("subject", "is_public", "if_match", "status"),
    [
        ("bob", False, None, 404),
        ("bob", True, None, 403),
        ("alice", False, '"v7"', 412),
        ("alice", False, None, 409),
    ],
)
def test_what_can_be_known_is_said_before_the_first_byte_is_asked_for(
    service, alice, upload, subject, is_public, if_match, status
):
    """Case 30: a client that waits for 100 Continue never sends its bytes."""
    file = upload(OLD, is_public=is_public)
    if status == 409:
        alice.delete(f"/files/{file['id']}")
    headers = {"Expect": "100-continue"} | ({"If-Match": if_match} if if_match else {})
    with raw_connection(service.port) as connection:
        begin(connection, service, file, 10_000_000, subject, **headers)
        assert connection.answer().status == status


def test_a_copy_of_replaced_bytes_is_a_copy_of_the_new_ones(alice, binary):
    replace(alice, binary, b"\xffnew")
    made = alice.post(f"/files/{binary['id']}/copy").json()
    assert alice.get(f"/files/{made['id']}/download").content == b"\xffnew"


def test_a_request_that_comes_again_gets_the_file_with_its_new_bytes(alice):
    key = {"Idempotency-Key": uuid4().hex}
    file = alice.put("/files/raw/a.txt", content=OLD, headers=key).json()
    replaced = replace(alice, file, b"new words").json()
    assert alice.put("/files/raw/a.txt", content=OLD, headers=key).json() == replaced


def test_a_url_that_was_signed_for_the_old_bytes_never_gives_the_new_ones(alice, binary):
    url = alice.get(f"/files/{binary['id']}/presigned-url").json()["url"]
    replace(alice, binary, b"\xffnew")
    wait_until(lambda: httpx.get(url).status_code == 404)
    assert httpx.get(alice.get(f"/files/{binary['id']}/presigned-url").json()["url"]).content == b"\xffnew"
