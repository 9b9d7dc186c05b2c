"""The same request with the same key creates nothing a second time (case 40)."""

from __future__ import annotations

import hashlib
import os

import pytest

from app.config import MEBIBYTE
from tests.support.content import noise
from tests.support.races import together
from tests.support.raw_http import FORM_END, FORM_TYPE, form_part, raw_connection
from tests.support.service import wait_until

WISH = {"filename": "report.pdf", "content_type": "application/pdf", "file_size": 100}


def form(client, key: str, content: bytes = b"hello", **fields):
    headers = {"Idempotency-Key": key}
    return client.post("/files/upload", files={"file": ("a.txt", content)}, data=fields, headers=headers)


def raw(client, key: str, content: bytes = b"hello", **fields):
    return client.put("/files/raw/a.txt", content=content, params=fields, headers={"Idempotency-Key": key})


@pytest.fixture
def key():
    return os.urandom(8).hex()


@pytest.mark.parametrize("send", [form, raw])
def test_a_request_that_comes_again_gets_the_file_that_the_first_one_made(alice, bucket, key, send):
    first = send(alice, key, folder="once")
    keys = bucket.keys()
    second = send(alice, key, folder="once")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert bucket.keys() == keys


@pytest.mark.parametrize("send", [form, raw])
@pytest.mark.parametrize("change", [{"content": b"jello"}, {"folder": "other"}, {"description": "new"}])
def test_another_request_with_the_same_key_is_refused(alice, key, send, change):
    send(alice, key)
    answer = send(alice, key, **change)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")


def test_a_key_is_its_owners_and_its_routes(alice, bob, key):
    made = {form(alice, key).json()["id"], raw(alice, key).json()["id"], form(bob, key).json()["id"]}
    assert len(made) == 3


def test_a_large_file_that_comes_again_is_read_and_not_stored(alice, bucket, key):
    content = noise(10 * MEBIBYTE)
    headers = {"Idempotency-Key": key}
    first = alice.put("/files/raw/a.bin", content=content, headers=headers)
    before = bucket.keys()
    second = alice.put("/files/raw/a.bin", content=content, headers=headers)
    assert second.json()["checksum_sha256"] == hashlib.sha256(content).hexdigest()
    assert first.json() == second.json()
    assert bucket.keys() == before


def test_while_the_first_request_runs_the_second_is_told_to_wait(service, alice, registry, key):
    content = noise(20 * MEBIBYTE)
    body = form_part("file", content, "data.bin") + FORM_END
    with raw_connection(service.port) as connection:
        head = {
            "Authorization": f"Bearer {service.token('alice')}",
            "Content-Type": FORM_TYPE,
            "Content-Length": str(len(body)),
            "Idempotency-Key": key,
        }
        connection.send_head("POST", "/api/v1/files/upload", head)
        connection.send(body[: 10 * MEBIBYTE])
        wait_until(lambda: registry.rows("SELECT 1 FROM idempotency_keys WHERE key = $1", key))
        again = alice.post("/files/upload", content=body, headers={"Content-Type": FORM_TYPE, "Idempotency-Key": key})
        assert (again.status_code, again.json()["code"]) == (409, "idempotency_in_progress")
        assert int(again.headers["Retry-After"]) >= 1
        connection.send(body[10 * MEBIBYTE :])
        first = connection.answer()
    assert first.status == 201
    replay = alice.post("/files/upload", content=body, headers={"Content-Type": FORM_TYPE, "Idempotency-Key": key})
    assert replay.json()["id"] == first.json()["id"]


def test_eight_at_once_create_one_file(service, bucket, key):
    before = bucket.keys()

    def send(_number: int):
        with service.client("alice") as client:
            return raw(client, key)

    answers = together(send)
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert len(bucket.keys() - before) == 1


def test_a_request_that_was_refused_may_be_sent_right_with_the_same_key(alice, key):
    assert form(alice, key, content=b"").status_code == 422
    assert form(alice, key, checksum_sha256="0" * 64).status_code == 422
    assert form(alice, key).status_code == 201


def test_an_attempt_that_died_is_taken_over(alice, registry, key):
    first = raw(alice, key).json()
    registry.rows("UPDATE idempotency_keys SET status_code = NULL, fingerprint = NULL WHERE key = $1", key)
    second = raw(alice, key)
    assert second.status_code == 201
    assert second.json()["id"] != first["id"]


def test_a_file_that_was_removed_since_is_not_made_again(alice, key):
    file = raw(alice, key).json()
    alice.delete(f"/files/{file['id']}", params={"hard_delete": True})
    assert raw(alice, key).status_code == 404


def test_copies_take_keys_too(alice, upload, key):
    file = upload(b"hello")
    headers = {"Idempotency-Key": key}
    first = alice.post(f"/files/{file['id']}/copy", json={"new_folder": "a"}, headers=headers)
    second = alice.post(f"/files/{file['id']}/copy", json={"new_folder": "a"}, headers=headers)
    other = alice.post(f"/files/{file['id']}/copy", json={"new_folder": "b"}, headers=headers)
    assert first.json() == second.json()
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


def test_direct_uploads_take_keys_and_are_signed_anew(alice, registry, key):
    headers = {"Idempotency-Key": key}
    first = alice.post("/files/uploads", json=WISH, headers=headers).json()
    second = alice.post("/files/uploads", json=WISH, headers=headers).json()
    other = alice.post("/files/uploads", json=WISH | {"file_size": 101}, headers=headers)
    assert first["file"]["id"] == second["file"]["id"]
    assert second["upload"]["url"].partition("?")[0] == first["upload"]["url"].partition("?")[0]
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    stored = registry.rows("SELECT * FROM idempotency_keys WHERE key = $1", key)
    assert "X-Amz" not in str(stored)
    assert alice.delete(f"/files/uploads/{first['file']['id']}").status_code == 204


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
def test_a_key_that_is_none_is_refused(alice, key):
    assert form(alice, key).status_code == 422
