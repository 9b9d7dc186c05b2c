"""The journal on callers: who is refused, from where requests come, and what API keys do."""

from __future__ import annotations

import json
from uuid import uuid4

import httpx
import pytest

from app.config import MEBIBYTE
from tests.support.content import noise
from tests.support.journal import entries, told
from tests.support.uppy import completion, send_part, signed

ALICE, BOB = "user alice", "user bob"


@pytest.fixture
def file(upload):
    """An available file of alice's."""
    return upload(b"four")


@pytest.fixture
def public(upload):
    """One that everybody sees."""
    return upload(b"four", is_public="true")


DENIED = {
    "PATCH": (lambda client, path: client.patch(path, json={"folder": "a"}), "file.update"),
    "PUT content": (lambda client, path: client.put(f"{path}/content", content=b"x"), "file.replace"),
    "DELETE": (lambda client, path: client.delete(path), "file.delete"),
    "DELETE for good": (lambda client, path: client.delete(path, params={"hard_delete": True}), "file.hard_delete"),
    "restore": (lambda client, path: client.post(f"{path}/restore"), "file.restore"),
    "copy": (lambda client, path: client.post(f"{path}/copy", json={}), "file.copy"),
}


@pytest.mark.parametrize("name", DENIED)
def test_who_sees_a_file_but_may_not_change_it_is_told_as_denied(bob, admin, public, name):
    attempt, action = DENIED[name]
    assert attempt(bob, f"/files/{public['id']}").status_code == 403
    assert told(admin, public["id"])[1:] == [(BOB, action, "denied", {})]
    assert entries(admin, file_id=public["id"])[-1]["owner_id"] == "alice"


def test_each_file_of_a_batch_that_is_refused_is_told(bob, admin, public):
    answer = bob.post("/files/batch", json={"operation": "delete", "ids": [public["id"]]})
    assert answer.json()["results"][0]["status"] == 403
    assert told(admin, public["id"])[1:] == [(BOB, "file.delete", "denied", {})]


def test_an_owner_who_may_not_give_a_file_away_is_told_as_denied(alice, admin, file):
    assert alice.patch(f"/files/{file['id']}", json={"owner_id": "carol"}).status_code == 403
    assert told(admin, file["id"])[1:] == [(ALICE, "file.update", "denied", {})]


@pytest.mark.parametrize("name", DENIED)
def test_what_a_caller_does_not_see_is_told_of_nobody(bob, anonymous, admin, file, name):
    attempt, _ = DENIED[name]
    assert attempt(bob, f"/files/{file['id']}").status_code == 404
    assert attempt(anonymous, f"/files/{file['id']}").status_code == 401
    assert len(told(admin, file["id"])) == 1


def test_neither_reads_nor_what_changes_nothing_is_told(service, alice, admin, public):
    path = f"/files/{public['id']}"
    for read in ("", "/metadata", "/exists", "/download", "/presigned-url"):
        assert alice.get(path + read).status_code == 200
    alice.post("/files/presigned-urls", json={"ids": [public["id"]]})
    assert alice.patch(path, json={"folder": public["folder"]}).status_code == 200
    assert alice.post(f"{path}/restore").status_code == 200
    assert alice.delete(path, headers={"If-Match": '"v99"'}).status_code == 412
    with service.client("alice", scopes={"files:read"}) as reader:
        assert reader.delete(path).status_code == 403
    assert len(told(admin, public["id"])) == 1


def test_the_entry_has_the_address_and_the_request_id_of_the_answer(alice, admin, file):
    given = alice.patch(f"/files/{file['id']}", json={"folder": "a"}, headers={"X-Request-ID": "from-the-client"})
    made = alice.delete(f"/files/{file['id']}")
    _, first, second = entries(admin, file_id=file["id"])
    assert first["request_id"] == given.headers["X-Request-ID"] == "from-the-client"
    assert second["request_id"] == made.headers["X-Request-ID"]
    assert {first["address"], second["address"]} == {"127.0.0.1"}


def test_a_user_who_is_called_like_a_part_of_the_service_is_told_apart(service, admin):
    with service.client("maintenance") as client:
        file = client.put("/files/raw/a.txt", content=b"four").json()
    assert told(admin, file["id"])[0][0] == "user maintenance"


@pytest.fixture
def scripted(service, alice):
    """A client with an API key of alice's, and the key."""
    made = alice.post("/keys", json={"name": "ci"}).json()
    headers = {"Authorization": f"Bearer {made['key']}"}
    with httpx.Client(base_url=f"{service.base_url}/api/v1", headers=headers, timeout=60) as client:
        yield client, made
    alice.delete(f"/keys/{made['id']}")


def test_what_is_done_with_an_api_key_names_the_key(scripted, admin):
    client, made = scripted
    file = client.put("/files/raw/a.txt", content=b"four").json()
    [entry] = entries(admin, file_id=file["id"])
    assert (entry["actor_kind"], entry["actor"], entry["api_key_id"]) == ("api_key", "alice", made["id"])


def test_addresses_that_were_signed_for_an_api_key_name_the_key(scripted, anonymous, admin):
    client, made = scripted
    content = noise(6 * MEBIBYTE)
    upload_id = signed(client, "POST", json.dumps({"n": "data.bin", "s": len(content)}))["key"]
    etags = {number: send_part(client, upload_id, content, number) for number in (1, 2)}
    url = signed(client, "POST", upload_id, uploadId=upload_id)["url"]
    assert anonymous.post(url, content=completion(etags)).status_code == 200
    created, completed = entries(admin, file_id=upload_id)
    assert (created["action"], completed["action"]) == ("file.create_upload", "file.complete")
    assert created["api_key_id"] == completed["api_key_id"] == made["id"]


def test_api_keys_are_told_from_their_making_to_their_end(service, admin):
    owner = f"owner-{uuid4().hex}"
    with service.client(owner) as client:
        made = client.post("/keys", json={"name": "ci", "scopes": ["files:read"]}).json()
        for _ in range(2):
            assert client.delete(f"/keys/{made['id']}").status_code == 204
    stories = [(each["action"], each["result"], each["details"]) for each in entries(admin, owner_id=owner)]
    assert stories == [
        ("key.create", "ok", {"key_id": made["id"], "scopes": ["files:read"]}),
        ("key.revoke", "ok", {"key_id": made["id"]}),
    ]


def test_an_api_key_that_wants_keys_and_a_caller_who_wants_more_are_told_as_denied(scripted, service, admin):
    client, made = scripted
    assert client.post("/keys", json={"name": "more"}).status_code == 403
    assert client.delete(f"/keys/{made['id']}").status_code == 403
    denied = [each for each in entries(admin, actor="alice", result="denied") if each["api_key_id"] == made["id"]]
    assert [each["action"] for each in denied] == ["key.create", "key.revoke"]
    climber = f"climber-{uuid4().hex}"
    with service.client(climber) as caller:
        assert caller.post("/keys", json={"name": "n", "scopes": ["files:admin"]}).status_code == 403
    [entry] = entries(admin, actor=climber)
    assert (entry["action"], entry["result"]) == ("key.create", "denied")
