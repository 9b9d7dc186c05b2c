"""The journal: every change has its entry, with who, from where, and how it ended; nothing else has one."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from app.config import MEBIBYTE
from tests import samples
from tests.support.content import noise
from tests.support.direct import begin, complete, send
from tests.support.journal import entries, told
from tests.support.raw_http import raw_connection
from tests.support.service import wait_until
from tests.support.sharing import grant, grant_path, revoke

PDF = samples.pdf()
ALICE = "user alice"


@pytest.fixture
def file(upload):
    """An available file of alice's."""
    return upload(b"four")


# What is done to alice's file, and what the journal says then: the action, the result, the details.
CHANGES = {
    "PATCH": (
        lambda client, path: client.patch(path, json={"folder": "a", "metadata": {"b": 1}}),
        ("file.update", "ok", {"changed": ["folder", "metadata"]}),
    ),
    "PATCH of the name": (
        lambda client, path: client.patch(path, json={"filename": "other.txt"}),
        ("file.update", "ok", {"changed": ["filename"]}),
    ),
    "PUT content": (
        lambda client, path: client.put(f"{path}/content", content=b"others"),
        ("file.replace", "ok", {"size_bytes": 6}),
    ),
    "PUT content that is refused": (
        lambda client, path: client.put(
            f"{path}/content", content=noise(9 * MEBIBYTE), params={"checksum_sha256": "0" * 64}
        ),
        ("file.replace", "rejected", {"code": "checksum_mismatch"}),
    ),
    "DELETE": (lambda client, path: client.delete(path), ("file.delete", "ok", {})),
    "DELETE for good": (
        lambda client, path: client.delete(path, params={"hard_delete": True}),
        ("file.hard_delete", "ok", {}),
    ),
    "batch delete": (lambda client, path: batch(client, "delete", path), ("file.delete", "ok", {})),
    "batch hard delete": (lambda client, path: batch(client, "hard_delete", path), ("file.hard_delete", "ok", {})),
    "PUT grant": (
        lambda client, path: client.put(f"{path}/grants/user:bob", json={"access": "write"}),
        ("grant.put", "ok", {"grantee": "user:bob", "access": "write"}),
    ),
    "batch move": (
        lambda client, path: batch(client, "move", path, folder="b"),
        ("file.update", "ok", {"changed": ["folder"]}),
    ),
}  # fmt: skip


def batch(client, operation: str, path: str, **more) -> httpx.Response:
    return client.post("/files/batch", json={"operation": operation, "ids": [path.rpartition("/")[2]], **more})


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_a_file_is_told_once(alice, admin, upload, name):
    change, expected = CHANGES[name]
    binary = "refused" in name
    file = upload(b"\x01four", "data.bin") if binary else upload(b"four")
    answer = change(alice, f"/files/{file['id']}")
    assert answer.status_code in {200, 201, 204, 422}
    size = {"size_bytes": 5 if binary else 4}
    assert told(admin, file["id"]) == [(ALICE, "file.upload", "ok", size), (ALICE, *expected)]
    assert {each["owner_id"] for each in entries(admin, file_id=file["id"])} == {"alice"}


def test_deleting_and_restoring_is_told_each_time_that_it_changes_something(alice, admin, file):
    path = f"/files/{file['id']}"
    for _ in range(2):
        alice.delete(path)
    for _ in range(2):
        alice.post(f"{path}/restore")
    batch(alice, "delete", path)
    batch(alice, "restore", path)
    actions = [action for _, action, _, _ in told(admin, file["id"])]
    assert actions == ["file.upload", "file.delete", "file.restore", "file.delete", "file.restore"]


@pytest.mark.parametrize("way", ["form", "raw"])
def test_an_upload_is_told_with_its_size(alice, admin, way):
    if way == "form":
        file = alice.post("/files/upload", files={"file": ("a.txt", b"four")}).json()
    else:
        file = alice.put("/files/raw/a.txt", content=b"four").json()
    assert told(admin, file["id"]) == [(ALICE, "file.upload", "ok", {"size_bytes": 4})]


def test_an_upload_that_is_sent_again_under_its_key_is_told_once(alice, admin):
    headers = {"Idempotency-Key": str(uuid4())}
    ids = {alice.put("/files/raw/a.txt", content=b"four", headers=headers).json()["id"] for _ in range(3)}
    assert len(told(admin, *ids)) == 1


def test_an_upload_that_is_refused_when_it_was_begun_is_told_with_the_reason(alice, admin):
    answer = alice.put("/files/raw/data.bin", content=noise(9 * MEBIBYTE), params={"checksum_sha256": "0" * 64})
    assert answer.status_code == 422
    last = entries(admin, actor="alice", result="rejected")[-1]
    assert last["request_id"] == answer.headers["X-Request-ID"]
    assert (last["action"], last["details"]) == ("file.upload", {"code": "checksum_mismatch"})
    assert alice.get(f"/files/{last['file_id']}").status_code == 404


def test_an_upload_whose_client_goes_away_is_told_as_interrupted(service, admin):
    caller = f"leaver-{uuid4().hex}"
    head = {"Authorization": f"Bearer {service.token(caller)}", "Content-Length": str(20 * MEBIBYTE)}
    with raw_connection(service.port) as connection:
        connection.send_head("PUT", "/api/v1/files/raw/data.bin", head)
        connection.send(noise(9 * MEBIBYTE))
        wait_until(lambda: is_reserved(service, caller))
    wait_until(lambda: entries(admin, actor=caller))
    [entry] = entries(admin, actor=caller)
    assert (entry["action"], entry["result"], entry["details"]) == (
        "file.upload", "rejected", {"code": "interrupted"},
    )  # fmt: skip


def is_reserved(service, caller: str) -> bool:
    with service.client(caller) as client:
        return bool(client.get("/files", params={"status": "pending"}).json()["items"])


def test_a_copy_is_told_of_the_new_file_and_names_its_source(alice, admin, file):
    copy = alice.post(f"/files/{file['id']}/copy", json={}).json()
    [other] = batch(alice, "copy", f"/files/{file['id']}", new_folder="c").json()["results"]
    for made in (copy, other["file"]):
        expected = {"source_id": file["id"], "size_bytes": 4}
        assert told(admin, made["id"]) == [(ALICE, "file.copy", "ok", expected)]
    assert len(told(admin, file["id"])) == 1


@pytest.mark.parametrize("method", ["put", "post", "multipart"])
def test_a_direct_upload_is_told_when_it_is_begun_and_when_it_is_complete(alice, admin, methods, method):
    if method not in methods:
        return
    upload = begin(alice, PDF, "a.pdf", method=method)
    send(alice, upload, PDF)
    for _ in range(2):
        assert complete(alice, upload).status_code == 200
    assert told(admin, upload["file"]["id"]) == [
        (ALICE, "file.create_upload", "ok", {"method": method, "size_bytes": len(PDF)}),
        (ALICE, "file.complete", "ok", {"size_bytes": len(PDF)}),
    ]


def test_a_direct_upload_that_is_begun_again_under_its_key_is_told_once(alice, admin):
    wish = {"filename": "a.pdf", "content_type": "application/pdf", "file_size": len(PDF)}
    headers = {"Idempotency-Key": str(uuid4())}
    [file_id] = {alice.post("/files/uploads", json=wish, headers=headers).json()["file"]["id"] for _ in range(2)}
    alice.delete(f"/files/uploads/{file_id}")
    assert [action for _, action, _, _ in told(admin, file_id)] == ["file.create_upload", "file.abort"]


def test_a_direct_upload_that_is_made_available_by_reading_it_is_told_of_the_reader(alice, admin):
    upload = begin(alice, PDF, "a.pdf")
    send(alice, upload, PDF)
    wait_until(lambda: alice.get(f"/files/{upload['file']['id']}").json()["status"] == "available")
    assert told(admin, upload["file"]["id"])[1:] == [(ALICE, "file.complete", "ok", {"size_bytes": len(PDF)})]


def test_a_direct_upload_with_other_bytes_is_told_as_rejected(alice, admin):
    wrong = b"no PDF at all".ljust(len(PDF), b" ")
    upload = begin(alice, PDF, "a.pdf")
    send(alice, upload, wrong)
    assert complete(alice, upload).status_code == 409
    [_, last] = told(admin, upload["file"]["id"])
    assert last == (ALICE, "file.reject", "rejected", {"code": "content_type_mismatch"})
    alice.delete(f"/files/{upload['file']['id']}", params={"hard_delete": True})


def test_an_abort_is_told(alice, admin):
    upload = begin(alice, PDF, "a.pdf", method="multipart")
    assert alice.delete(f"/files/uploads/{upload['file']['id']}").status_code == 204
    assert told(admin, upload["file"]["id"])[1:] == [(ALICE, "file.abort", "ok", {})]


def test_what_a_job_verifies_is_told_of_who_asked_and_then_of_the_job(start_service, admin):
    content = noise(6 * MEBIBYTE)
    with start_service(verify={"inline_max_mb": 0}) as service, service.client("alice") as alice:
        upload = begin(alice, content, "data.bin", method="multipart", checksum_sha256="0" * 64)
        send(alice, upload, content)
        complete(alice, upload)
        path = f"/files/{upload['file']['id']}"
        wait_until(lambda: alice.get(path).json()["status"] == "rejected")
        assert told(admin, upload["file"]["id"])[1:] == [
            (ALICE, "file.complete", "ok", {"status": "verifying"}),
            ("system outbox", "file.reject", "rejected", {"code": "checksum_mismatch"}),
        ]
        alice.delete(path, params={"hard_delete": True})


def test_giving_a_file_away_is_told_of_the_old_owner_and_names_the_new_one(admin, file):
    assert admin.patch(f"/files/{file['id']}", json={"owner_id": "carol"}).status_code == 200
    last = entries(admin, file_id=file["id"])[-1]
    assert (last["actor"], last["owner_id"]) == ("root", "alice")
    assert last["details"] == {"changed": ["owner_id"], "new_owner_id": "carol"}


def test_a_grant_that_is_repeated_changes_nothing_and_its_end_is_told(alice, admin, file):
    for access in ("read", "read", "write"):
        grant(alice, file, "group:editors", access)
    revoke(alice, file, "group:editors")
    assert [(action, details) for _, action, _, details in told(admin, file["id"])[1:]] == [
        ("grant.put", {"grantee": "group:editors", "access": "read"}),
        ("grant.put", {"grantee": "group:editors", "access": "write"}),
        ("grant.delete", {"grantee": "group:editors"}),
    ]


def test_who_may_only_read_a_file_and_opens_it_to_others_is_told_as_denied(alice, bob, admin, file):
    grant(alice, file, "user:bob")
    assert bob.put(grant_path(file, "user:eve"), json={"access": "read"}).status_code == 403
    assert told(admin, file["id"])[-1] == ("user bob", "grant.put", "denied", {})


def test_other_limits_than_the_usual_ones_are_told_of_their_owner(admin):
    owner = f"owner-{uuid4().hex}"
    assert admin.put(f"/usage/{owner}/limits", json={"max_bytes": 10, "max_files": None}).status_code == 200
    assert admin.delete(f"/usage/{owner}/limits").status_code == 204
    assert [(each["actor"], each["action"], each["details"]) for each in entries(admin, owner_id=owner)] == [
        ("root", "quota.override", {"max_bytes": 10, "max_files": None}),
        ("root", "quota.override", {"max_bytes": "default", "max_files": "default"}),
    ]
