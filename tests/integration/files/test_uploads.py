"""What a proxied upload takes, and what it makes of it."""

from __future__ import annotations

import hashlib
import json
import random

import pytest

from app.config import MEBIBYTE
from tests.support.raw_http import BOUNDARY, FORM_END, FORM_TYPE, form_part, raw_connection

PART_BYTES = 8 * MEBIBYTE


def content_of(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@pytest.mark.parametrize(
    "size", [1, 2047, 2048, 2049, 65_536, 5 * MEBIBYTE, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 17 * MEBIBYTE]
)
@pytest.mark.parametrize("way", ["form", "raw"])
def test_the_bytes_that_come_back_are_the_bytes_that_went_in(alice, bucket, size, way):
    """Case 32: the head that was sniffed is part of the object; whole parts and one byte more."""
    content = content_of(size)
    if way == "form":
        answer = alice.post("/files/upload", files={"file": ("data.bin", content)})
    else:
        answer = alice.put("/files/raw/data.bin", content=content)
    assert answer.status_code == 201, answer.text
    file = answer.json()
    assert (file["file_size"], file["checksum_sha256"]) == (size, hashlib.sha256(content).hexdigest())
    assert alice.get(f"/files/{file['id']}/download").content == content
    assert bucket.read(file["s3_key"]) == content


def test_an_upload_answers_with_the_record_and_where_it_is(alice):
    answer = alice.post("/files/upload", files={"file": ("Q3 résumé.txt", b"third quarter", "text/plain")})
    file = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/files/{file['id']}"
    assert answer.headers["ETag"] == f'"v{file["version"]}"'
    assert file["status"] == "available"
    assert file["filename"] == "Q3 résumé.txt"
    assert file["owner_id"] == "alice"
    assert file["content_type"] == "text/plain"
    assert file["s3_key"].endswith("_Q3_resume.txt")
    assert file["created_at"].endswith("Z")


FIELDS = {
    "folder": "documents/2026",
    "description": "third quarter",
    "is_public": "true",
    "metadata": json.dumps({"category": "report", "tags": ["q3"], "n": {"é": 1}}),
    "expires_at": "2099-01-01T00:00:00Z",
}


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("size", [100, PART_BYTES + 100], ids=["small", "large"])
def test_fields_count_before_and_behind_the_file(alice, order, size):
    parts = [form_part(name, value.encode()) for name, value in FIELDS.items()]
    file = form_part("file", content_of(size), "data.bin")
    body = b"".join([*parts, file] if order == "before" else [file, *parts]) + FORM_END
    answer = alice.post("/files/upload", content=body, headers={"Content-Type": FORM_TYPE})
    assert answer.status_code == 201, answer.text
    record = answer.json()
    assert record["folder"] == "documents/2026"
    assert record["description"] == "third quarter"
    assert record["is_public"] is True
    assert record["metadata"] == json.loads(FIELDS["metadata"])
    assert record["expires_at"] == "2099-01-01T00:00:00Z"
    # A large file's key is fixed before a late folder is known; the registry's folder is the truth.
    assert record["s3_key"].startswith("documents/2026/") is not (order == "after" and size > PART_BYTES)


def test_raw_uploads_take_the_same_fields_in_the_query(alice):
    answer = alice.put("/files/raw/notes.txt", params=FIELDS, content=b"hello")
    assert answer.status_code == 201, answer.text
    assert answer.json()["folder"] == "documents/2026"
    assert answer.json()["metadata"] == json.loads(FIELDS["metadata"])


def test_every_raw_upload_creates_a_file(alice):
    first = alice.put("/files/raw/notes.txt", content=b"one").json()
    second = alice.put("/files/raw/notes.txt", content=b"two").json()
    assert first["id"] != second["id"]
    assert alice.get(f"/files/{first['id']}/download").content == b"one"


def test_a_slash_in_a_raw_name_is_refused(alice):
    answer = alice.put("/files/raw/a%2Fb.txt", content=b"hello")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_filename")


def test_a_given_checksum_must_be_that_of_the_bytes(alice):
    digest = hashlib.sha256(b"hello").hexdigest()
    right = alice.put("/files/raw/a.txt", params={"checksum_sha256": digest.upper()}, content=b"hello")
    wrong = alice.put("/files/raw/a.txt", params={"checksum_sha256": digest}, content=b"jello")
    assert right.status_code == 201
    assert (wrong.status_code, wrong.json()["code"]) == (422, "checksum_mismatch")


def test_a_wrong_checksum_behind_a_large_file_leaves_nothing(alice):
    body = (
        form_part("file", content_of(PART_BYTES + 5), "data.bin") + form_part("checksum_sha256", b"0" * 64) + FORM_END
    )
    answer = alice.post("/files/upload", content=body, headers={"Content-Type": FORM_TYPE})
    assert (answer.status_code, answer.json()["code"]) == (422, "checksum_mismatch")


@pytest.mark.parametrize("way", ["form", "raw"])
@pytest.mark.parametrize("framing", ["declared", "chunked"])
def test_a_file_over_the_limit_is_refused_however_it_is_framed(start_service, way, framing):
    """Case 31: Content-Length and chunked bodies, raw and multipart."""
    content = content_of(2 * MEBIBYTE)
    body = content if way == "raw" else form_part("file", content, "data.bin") + FORM_END
    headers = {} if way == "raw" else {"Content-Type": FORM_TYPE}
    with start_service(store={"max_file_size_mb": 1}) as service, service.client("alice") as client:
        url, method = ("/files/raw/data.bin", "PUT") if way == "raw" else ("/files/upload", "POST")
        answer = client.request(method, url, content=iter([body]) if framing == "chunked" else body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")


def test_a_file_of_exactly_the_limit_is_taken(start_service):
    with start_service(store={"max_file_size_mb": 1}) as service, service.client("alice") as client:
        answer = client.put("/files/raw/data.bin", content=content_of(MEBIBYTE))
    assert answer.status_code == 201


def test_a_body_declared_far_too_large_is_refused_before_its_first_byte(service):
    with raw_connection(service.port) as connection:
        length = {"Content-Length": str(10**12), "Authorization": f"Bearer {service.token('alice')}"}
        connection.send_head("PUT", "/api/v1/files/raw/data.bin", length)
        answer = connection.answer()
    assert (answer.status, answer.json()["code"]) == (413, "file_too_large")


@pytest.mark.parametrize("way", ["form", "raw"])
def test_an_empty_file_is_refused(alice, way):
    """Case 69."""
    if way == "form":
        answer = alice.post("/files/upload", files={"file": ("a.txt", b"")})
    else:
        answer = alice.put("/files/raw/a.txt", content=b"")
    assert (answer.status_code, answer.json()["code"]) == (422, "empty_file")


@pytest.mark.parametrize(
    ("form_parts", "field"),
    [
        ([form_part("folder", b"a")], "body.file"),
        ([form_part("file", b"x", "")], "body.file"),
        ([form_part("file", b"x", "a.txt"), form_part("file", b"y", "b.txt")], "body.file"),
        ([form_part("upload", b"x", "a.txt")], "body.upload"),
        ([form_part("colour", b"red"), form_part("file", b"x", "a.txt")], "body.colour"),
        ([form_part("file", b"x", "a.txt"), form_part("colour", b"red")], "body.colour"),
        ([form_part("folder", b"a"), form_part("folder", b"b"), form_part("file", b"x", "a.txt")], "body.folder"),
        ([form_part("is_public", b"perhaps"), form_part("file", b"x", "a.txt")], "body.is_public"),
        ([form_part("expires_at", b"2001-01-01T00:00:00Z"), form_part("file", b"x", "a.txt")], "body.expires_at"),
        ([form_part("expires_at", b"2099-01-01T00:00:00"), form_part("file", b"x", "a.txt")], "body.expires_at"),
        ([form_part("checksum_sha256", b"abc"), form_part("file", b"x", "a.txt")], "body.checksum_sha256"),
        ([form_part("storage_class", b"CHEAP"), form_part("file", b"x", "a.txt")], "body.storage_class"),
        ([form_part("description", b"\xff"), form_part("file", b"x", "a.txt")], "body.description"),
        ([form_part("description", b"a\x00b"), form_part("file", b"x", "a.txt")], "body.description"),
        ([form_part("description", b"x" * 70_000), form_part("file", b"x", "a.txt")], "body.description"),
    ],
)
def test_a_wrong_form_is_refused_by_the_name_of_the_field(alice, form_parts, field):
    body = b"".join(form_parts) + FORM_END
    answer = alice.post("/files/upload", content=body, headers={"Content-Type": FORM_TYPE})
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"folder": "../up"}, "invalid_folder"),
        ({"folder": "/a"}, "invalid_folder"),
        ({"metadata": "[1]"}, "invalid_metadata"),
        ({"metadata": "{"}, "invalid_metadata"),
        ({"metadata": '{"a": NaN}'}, "invalid_metadata"),
        ({"metadata": '{"a": 1e999}'}, "invalid_metadata"),
        ({"metadata": '{"a": "\\u0000"}'}, "invalid_metadata"),
        ({"metadata": '{"a": "\\ud800"}'}, "invalid_metadata"),
        ({"metadata": json.dumps({"a": "x" * 16_384})}, "invalid_metadata"),
        ({"metadata": '{"a":' * 17 + "1" + "}" * 17}, "invalid_metadata"),
        ({"metadata": '{"a":' * 9_000 + "1" + "}" * 9_000}, "invalid_metadata"),
    ],
)
def test_folders_and_metadata_have_their_own_codes(alice, fields, code):
    """Cases 77, 92."""
    answer = alice.post("/files/upload", files={"file": ("a.txt", b"x")}, data=fields)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_sixteen_levels_and_sixteen_kibibytes_of_metadata_are_taken(alice):
    deep = {"metadata": '{"a":' * 16 + "1" + "}" * 16}
    wide = {"metadata": json.dumps({"a": "x" * (16_384 - len('{"a":""}'))})}
    for fields in (deep, wide):
        answer = alice.post("/files/upload", files={"file": ("a.txt", b"x")}, data=fields)
        assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"x"),
        (FORM_TYPE, b"junk in front" + form_part("file", b"x", "a.txt") + FORM_END),
        (FORM_TYPE, f"--{BOUNDARY}\r\nno colon here\r\n\r\n".encode()),
        (FORM_TYPE, f"--{BOUNDARY}\r\nContent-Disposition: attachment\r\n\r\nx\r\n".encode() + FORM_END),
        (FORM_TYPE, f"--{BOUNDARY}\r\nX: {'y' * 9000}\r\n\r\nx\r\n".encode() + FORM_END),
    ],
)
def test_what_is_no_form_is_refused(alice, content_type, body):
    """Case 36: no parser is fed for long with what no client sends."""
    answer = alice.post("/files/upload", content=body, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")


@pytest.mark.parametrize("size", [10, PART_BYTES + 10])
def test_a_form_without_its_end_is_truncated(alice, size):
    """Case 35: said as it is, not as a missing field."""
    answer = alice.post(
        "/files/upload", content=form_part("file", content_of(size), "a.bin"), headers={"Content-Type": FORM_TYPE}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "truncated_body")


def test_only_admins_may_upload_for_somebody_else(alice, admin):
    refused = alice.post("/files/upload", files={"file": ("a.txt", b"x")}, data={"owner_id": "bob"})
    taken = admin.post("/files/upload", files={"file": ("a.txt", b"x")}, data={"owner_id": "bob"})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert taken.json()["owner_id"] == "bob"


def test_nobody_may_upload_without_the_scope(service):
    with service.client("alice", scopes={"files:read"}) as reader:
        answer = reader.post("/files/upload", files={"file": ("a.txt", b"x")})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_without_a_credential_not_one_byte_of_the_body_is_asked_for(service):
    """Case 30: who calls is checked first; a client that waits for 100 Continue never sends its file."""
    with raw_connection(service.port) as connection:
        headers = {"Content-Type": FORM_TYPE, "Content-Length": "100000000", "Expect": "100-continue"}
        connection.send_head("POST", "/api/v1/files/upload", headers)
        assert connection.answer().status == 401


def test_the_file_is_stored_with_its_id_and_type_and_nothing_else(upload, bucket):
    """Case 81: user metadata is ASCII and small; everything else is the registry's."""
    file = upload(b"id,name\n", "Årsredovisning.csv", metadata='{"å": "ä"}')
    head = bucket.client.head_object(Bucket=bucket.name, Key=file["s3_key"])
    assert head["Metadata"] == {"file-id": file["id"]}
    assert head["ContentType"] == "text/csv"


def test_a_late_storage_class_of_a_large_file_is_refused(alice):
    body = (
        form_part("file", content_of(PART_BYTES + 5), "data.bin")
        + form_part("storage_class", b"STANDARD_IA")
        + FORM_END
    )
    answer = alice.post("/files/upload", content=body, headers={"Content-Type": FORM_TYPE})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.storage_class")
