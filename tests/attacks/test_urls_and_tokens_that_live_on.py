"""URLs, addresses and uploads that outlive the credential behind them; keys for writing that read."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

from tests.support.direct import begin, complete, send
from tests.support.service import wait_until
from tests.support.uppy import completion, sign, signed

CONTENT = b"what the key was to send"
WEEK = 604_800


@pytest.fixture
def api_key(service, alice):
    """Make a key of alice's; returns a client that shows it, and how to revoke it."""
    clients = []

    def make(*scopes: str):
        body = {"name": "script"} | ({"scopes": list(scopes)} if scopes else {})
        made = alice.post("/keys", json=body).json()
        headers = {"Authorization": f"Bearer {made['key']}"}
        clients.append(httpx.Client(base_url=f"{service.base_url}/api/v1", headers=headers, timeout=60))
        return clients[-1], lambda: alice.delete(f"/keys/{made['id']}").raise_for_status()

    yield make
    for client in clients:
        client.close()


def lifetime(url: str) -> int:
    return int(parse_qs(urlsplit(url).query)["X-Amz-Expires"][0])


# --- URLs


def test_no_url_for_reading_lives_for_a_week(alice, bob, anonymous, upload):
    file_id = upload(CONTENT, is_public="true")["id"]
    longest = {}
    for name, client in (("owner", alice), ("stranger", bob), ("anybody", anonymous)):
        longest[name] = lifetime(client.get(f"/files/{file_id}/presigned-url", params={"expiry": WEEK}).json()["url"])
    many = bob.post("/files/presigned-urls", json={"ids": [file_id], "expiry": WEEK}).json()["results"][0]["url"]
    longest["stranger, of many"] = lifetime(many["url"])
    assert longest == {"owner": 86_400, "stranger": 3600, "anybody": 3600, "stranger, of many": 3600}


def test_who_was_granted_a_file_has_its_url_no_longer_than_an_hour(alice, bob, upload):
    file_id = upload(CONTENT)["id"]
    alice.put(f"/files/{file_id}/grants/user:bob", json={"access": "read"}).raise_for_status()
    answer = bob.get(f"/files/{file_id}/presigned-url", params={"expiry": WEEK}).json()
    assert (answer["expires_in"], lifetime(answer["url"])) == (3600, 3600)


def test_no_url_for_writing_lives_for_a_week(alice):
    upload = begin(alice, CONTENT, "data.bin", expiry=WEEK)
    assert upload["upload"]["expires_in"] <= 86_400
    assert lifetime(upload["upload"]["url"]) <= 86_400
    alice.delete(f"/files/uploads/{upload['file']['id']}")


# --- Addresses of stock clients


METHODS = {"create": "POST", "parts": "GET", "complete": "POST", "abort": "DELETE"}


def address(client, operation: str) -> tuple[str, str]:
    """The id of a new upload, and its address for an operation."""
    created = signed(client, "POST", f"{len(CONTENT)}/data.bin")
    if operation == "create":
        return created["key"], created["url"]
    return created["key"], signed(client, METHODS[operation], created["key"], uploadId=created["key"])["url"]


@pytest.mark.parametrize("operation", METHODS)
def test_an_address_ends_with_the_key_that_had_it_signed(alice, api_key, operation):
    client, revoke = api_key()
    upload_id, url = address(client, operation)
    revoke()
    body = completion({1: "a"}) if operation == "complete" else None
    answer = httpx.request(METHODS[operation], url, content=body)
    alice.delete(f"/files/uploads/{upload_id}")
    assert answer.status_code == 401


def test_an_address_ends_with_the_token_that_had_it_signed(service, alice):
    """One that has expired 20 seconds ago is taken for 10 more, as clocks differ."""
    with service.client("alice", ttl_seconds=-20) as client:
        upload_id, url = address(client, "parts")
    try:
        wait_until(lambda: httpx.get(url).status_code == 401, timeout_seconds=30)
    finally:
        alice.delete(f"/files/uploads/{upload_id}")


# --- Uploads


@pytest.mark.parametrize("method", ["put", "multipart"])
def test_an_upload_that_a_revoked_key_began_is_not_completed(alice, api_key, anonymous, method):
    client, revoke = api_key()
    upload = begin(client, CONTENT, "data.bin", method=method, is_public=True)
    file_id = upload["file"]["id"]
    send(client, upload, CONTENT)
    revoke()
    assert client.get(f"/files/{file_id}").status_code == 401
    looked_at = alice.get(f"/files/{file_id}").json()
    completed = complete(alice, upload)
    more = alice.post(f"/files/uploads/{file_id}/parts", json={"part_numbers": [1]})
    assert looked_at["status"] == "pending"
    assert (completed.status_code, completed.json()["code"]) == (410, "upload_expired")
    assert (more.status_code, more.json()["code"]) == (410, "upload_expired")
    assert anonymous.get(f"/files/{file_id}/download").status_code == 401
    # Its owner can still be rid of it.
    assert alice.delete(f"/files/uploads/{file_id}").status_code == 204


# --- Scopes


def test_a_key_for_writing_is_not_told_what_stands_in_records(alice, api_key, upload):
    client, _ = api_key("files:write")
    secret = {"description": "secret notes", "folder": "secret/place"}
    file_id = upload(CONTENT, "data.bin", **secret, metadata='{"secret": 1}')["id"]
    direct = begin(alice, CONTENT, "data.bin", **secret)
    send(alice, direct, CONTENT)
    alice.delete(f"/files/{file_id}")
    answers = [
        client.post(f"/files/{file_id}/restore"),
        client.patch(f"/files/{file_id}", json={}),
        client.patch(f"/files/{file_id}", json={"metadata": {}}),
        client.put(f"/files/{file_id}/content", content=CONTENT),
        client.post("/files/batch", json={"operation": "restore", "ids": [file_id]}),
        complete(client, direct),
        client.post("/files/batch", json={"operation": "move", "ids": [file_id], "folder": ""}),
    ]
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    told = [word for answer in answers for word in ("secret", "data.bin", "sha256-") if word in answer.text]
    assert told == []


def test_a_key_for_writing_continues_no_upload_of_somebody_else(alice, api_key):
    """Its URLs name the object's key, and that names folder and file."""
    client, _ = api_key("files:write")
    upload = begin(alice, CONTENT, "data.bin", folder="secret/place", method="multipart")
    file_id = upload["file"]["id"]
    answers = [
        client.get(f"/files/uploads/{file_id}"),
        client.post(f"/files/uploads/{file_id}/parts", json={"part_numbers": [1]}),
        sign(client, "PUT", file_id, uploadId=file_id, partNumber=1),
    ]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert alice.delete(f"/files/uploads/{file_id}").status_code == 204


def test_a_key_for_writing_opens_no_file_to_others(alice, anonymous, api_key, upload):
    client, _ = api_key("files:write")
    file_id = upload(CONTENT)["id"]
    tried = [
        client.patch(f"/files/{file_id}", json={"is_public": True}),
        client.put(f"/files/{file_id}/grants/user:mallory", json={"access": "read"}),
        client.put(f"/files/{file_id}/grants/group:everybody", json={"access": "write"}),
        client.post(f"/files/{file_id}/copy"),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in tried] == [(403, "forbidden")] * 4
    assert all("files:read" in answer.json()["detail"] for answer in tried)
    assert anonymous.get(f"/files/{file_id}/download").status_code == 401
    assert alice.get(f"/files/{file_id}/grants").json()["items"] == []


def test_a_request_sent_again_tells_a_key_for_writing_nothing_of_what_became_of_the_file(alice, api_key):
    """The file is shown as it is now, and others may have written to its record since."""
    client, _ = api_key("files:write")
    again = {"Idempotency-Key": f"again-{uuid4()}"}
    wanted = {"filename": "data.bin", "content_type": "application/octet-stream", "file_size": len(CONTENT)}
    requests = {
        "raw": lambda: client.put("/files/raw/data.bin", content=CONTENT, headers=again),
        "form": lambda: client.post("/files/upload", files={"file": ("data.bin", CONTENT)}, headers=again),
        "direct": lambda: client.post("/files/uploads", json=wanted, headers=again),
    }
    told = {}
    for name, send_it in requests.items():
        made = send_it().json()
        if name == "direct":
            send(client, made, CONTENT)
            complete(client, made)
            made = made["file"]
        alice.patch(f"/files/{made['id']}", json={"description": "secret notes"}).raise_for_status()
        answer = send_it()
        told[name] = (answer.status_code, made["id"] in answer.text, "secret" in answer.text)
    assert told == dict.fromkeys(requests, (201, True, False))


def test_a_request_for_an_upload_sent_again_by_a_key_for_writing_continues_nothing_of_somebody_else(alice, api_key):
    client, _ = api_key("files:write")
    again = {"Idempotency-Key": f"again-{uuid4()}"}
    wanted = {"filename": "data.bin", "content_type": "application/octet-stream", "file_size": len(CONTENT)}
    made = alice.post("/files/uploads", json=wanted, headers=again).json()
    answer = client.post("/files/uploads", json=wanted, headers=again)
    alice.delete(f"/files/uploads/{made['file']['id']}")
    assert (answer.status_code, answer.json()["code"]) == (404, "upload_not_found")
