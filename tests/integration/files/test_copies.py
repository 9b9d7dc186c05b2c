"""Copies: made inside the store, files of their own afterwards."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.samples import png
from tests.support.faulty_store import faulty_store
from tests.support.races import at_once
from tests.support.service import wait_until
from tests.support.states import in_status

LARGE = bytes(range(256)) * (9 * 4096)


@pytest.fixture(scope="module")
def proxied(parts, start_service):
    """A service behind a proxy, copying by parts above 6 MiB."""
    with (
        faulty_store(parts["S3_ENDPOINT_URL"]) as proxy,
        start_service(store={"endpoint_url": proxy.endpoint_url, "copy_limit_mb": 6}) as service,
    ):
        yield service, proxy


@pytest.fixture
def proxy(proxied):
    yield proxied[1]
    proxied[1].heal()


@pytest.fixture
def by_parts(proxied):
    """A client whose copies are made by parts above 6 MiB."""
    with proxied[0].client("alice") as client:
        yield client


def copy(client, file, changes=None):
    return client.post(f"/files/{file['id']}/copy", json=changes)


def test_a_copy_has_the_same_bytes_under_a_key_and_an_id_of_its_own(alice, upload, bucket):
    file = upload(b"copy me\n", folder="from", description="first", metadata='{"n": 1}', is_public=True)
    answer = copy(alice, file)
    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["Location"] == f"/api/v1/files/{made['id']}"
    assert (made["id"], made["s3_key"]) != (file["id"], file["s3_key"])
    taken_over = file.keys() - {"id", "s3_key", "is_public", "created_at", "updated_at"}
    assert {name: made[name] for name in taken_over} == {name: file[name] for name in taken_over}
    assert made["is_public"] is False
    assert alice.get(f"/files/{made['id']}/download").content == b"copy me\n"
    assert bucket.client.head_object(Bucket=bucket.name, Key=made["s3_key"])["Metadata"] == {"file-id": made["id"]}


def test_a_copy_outlives_its_source(alice, upload):
    file = upload(b"copy me\n")
    made = copy(alice, file).json()
    alice.delete(f"/files/{file['id']}", params={"hard_delete": True})
    assert alice.get(f"/files/{made['id']}/download").content == b"copy me\n"


def test_name_folder_and_metadata_of_a_copy_may_be_new(alice, upload):
    file = upload(b"copy me\n", folder="from", metadata='{"n": 1}')
    made = copy(alice, file, {"new_filename": "other.txt", "new_folder": "to/here", "new_metadata": {"m": [2]}}).json()
    assert (made["filename"], made["folder"], made["metadata"]) == ("other.txt", "to/here", {"m": [2]})
    assert made["s3_key"].startswith("to/here/")
    assert alice.get(f"/files/{file['id']}").json() == file


def test_folder_and_metadata_may_be_emptied(alice, upload):
    made = copy(alice, upload(b"x", folder="from", metadata='{"n": 1}'), {"new_folder": "", "new_metadata": {}}).json()
    assert (made["folder"], made["metadata"]) == ("", {})


def test_a_copy_keeps_its_content_type_in_the_store(alice, upload, bucket):
    """Case 86: the directive that replaces the metadata forgets the type."""
    made = copy(alice, upload(png(), "a.png"), {"new_metadata": {"a": 1}}).json()
    assert made["content_type"] == "image/png"
    assert bucket.client.head_object(Bucket=bucket.name, Key=made["s3_key"])["ContentType"] == "image/png"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"new_filename": "a.exe"}, 415, "extension_not_allowed"),
        ({"new_filename": "a.png"}, 415, "content_type_mismatch"),
        ({"new_filename": "//"}, 422, "invalid_filename"),
        ({"new_folder": "../up"}, 422, "invalid_folder"),
        ({"new_metadata": {"a": "x" * 20_000}}, 422, "invalid_metadata"),
        ({"new_metadata": [1]}, 422, "validation_error"),
        ({"folder": "a"}, 422, "validation_error"),
    ],
)
def test_a_copy_can_not_be_what_an_upload_could_not(alice, upload, changes, status, code):
    answer = copy(alice, upload(b"plain words\n"), changes)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_only_an_available_file_can_be_copied(alice, upload, registry):
    file = upload(b"copy me\n")
    with in_status(registry, file["id"], "pending"):
        assert copy(alice, file).json()["code"] == "file_not_available"
    alice.delete(f"/files/{file['id']}")
    assert copy(alice, file).status_code == 404
    assert copy(alice, {"id": uuid4()}).status_code == 404


def test_an_admins_copy_stays_its_owners(admin, upload):
    file = upload(b"copy me\n")
    assert copy(admin, file).json()["owner_id"] == "alice"


@pytest.mark.parametrize("replaced_by", [None, b"copy it\n"])
def test_a_source_that_is_not_what_was_verified_is_not_copied(alice, upload, bucket, replaced_by):
    """Case 61: the copy is pinned to the source's ETag, and nothing of it stays."""
    file = upload(b"copy me\n")
    if replaced_by is None:
        bucket.client.delete_object(Bucket=bucket.name, Key=file["s3_key"])
    else:
        bucket.client.put_object(Bucket=bucket.name, Key=file["s3_key"], Body=replaced_by)
    answer = copy(alice, file)
    assert (answer.status_code, answer.json()["code"]) == (409, "file_not_available")
    alice.delete(f"/files/{file['id']}", params={"hard_delete": True})


def test_a_large_file_is_copied_by_parts_and_no_byte_passes_us(by_parts, upload, bucket, proxy):
    """Cases 85 and 86."""
    file = upload(LARGE, "large.bin", storage_class="STANDARD")
    before = len(proxy.requests)
    made = copy(by_parts, file).json()
    spoken = [request for request in proxy.requests[before:] if made["s3_key"] in request]
    assert [request.partition(" ")[0] for request in spoken] == ["POST", "PUT", "PUT", "POST", "HEAD"]
    assert (made["checksum_sha256"], made["file_size"]) == (file["checksum_sha256"], len(LARGE))
    assert by_parts.get(f"/files/{made['id']}/download").content == LARGE
    assert bucket.client.head_object(Bucket=bucket.name, Key=made["s3_key"])["ContentType"] == file["content_type"]


@pytest.mark.parametrize("storage_class", ["STANDARD", "STANDARD_IA"])
@pytest.mark.parametrize("content", [b"\xffsmall", LARGE], ids=["small", "by parts"])
def test_the_store_is_told_of_a_copy_what_it_was_told_of_the_source(by_parts, alice, bucket, content, storage_class):
    """Case 86: type, metadata and storage class go with the copy, by parts with its first request."""
    fields = {"storage_class": storage_class}
    answer = alice.post("/files/upload", files={"file": ("source.bin", content)}, data=fields)
    if answer.status_code == 422:  # not every store has more than one
        assert answer.json()["errors"][0]["field"] == "body.storage_class"
        assert storage_class != "STANDARD"
        return
    file = answer.json()
    made = copy(by_parts, file).json()
    source, copied = (bucket.client.head_object(Bucket=bucket.name, Key=each["s3_key"]) for each in (file, made))
    assert copied["ContentType"] == source["ContentType"] == file["content_type"]
    assert copied["Metadata"] == {"file-id": made["id"]}
    assert copied.get("StorageClass") == source.get("StorageClass")
    assert (made["storage_class"], made["checksum_sha256"]) == (storage_class, file["checksum_sha256"])


def test_a_source_that_changes_between_two_parts_is_not_copied(by_parts, upload, bucket, proxy):
    """Cases 61 and 85: every part is pinned to the bytes that were verified."""
    file = upload(LARGE, "large.bin")
    keys = bucket.keys()
    proxy.stall_after(0, direction="up", matching="partNumber=2", times=1)

    def change_the_source():
        assert proxy.stalled.acquire(timeout=10)
        bucket.client.put_object(Bucket=bucket.name, Key=file["s3_key"], Body=LARGE[::-1])
        proxy.heal()

    answer, _ = at_once(lambda: copy(by_parts, file), change_the_source)
    assert (answer.status_code, answer.json()["code"]) == (409, "file_not_available")
    wait_until(lambda: (bucket.keys(), bucket.unfinished()) == (keys, []))
    by_parts.delete(f"/files/{file['id']}", params={"hard_delete": True})


@pytest.mark.parametrize("content", [b"small\n", LARGE])
def test_a_copy_that_the_store_breaks_off_leaves_nothing(by_parts, upload, proxy, bucket, content):
    file = upload(content, "source.txt" if content != LARGE else "source.bin")
    keys = bucket.keys()
    proxy.cut_after(0, direction="up", matching=r"^PUT ")
    answer = copy(by_parts, file)
    proxy.heal()
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    wait_until(lambda: bucket.keys() == keys)
