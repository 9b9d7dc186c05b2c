"""PATCH changes the record and nothing else: no byte, no key, no content ETag."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest

from tests.support.faulty_store import faulty_store
from tests.support.races import at_once
from tests.support.service import wait_until
from tests.support.states import expire


def patch(client, file, changes, **headers):
    return client.patch(f"/files/{file['id']}", json=changes, headers=headers)


def test_what_is_not_named_stays(alice, upload):
    file = upload(b"hello\n", folder="a", description="first", metadata='{"n": 1}', is_public=True)
    answer = patch(alice, file, {"description": "second"})
    assert answer.status_code == 200
    changed = answer.json()
    assert changed == file | {"description": "second", "version": 2, "updated_at": changed["updated_at"]}
    assert answer.headers["ETag"] == '"v2"'
    assert datetime.fromisoformat(changed["updated_at"]) > datetime.fromisoformat(file["updated_at"])
    assert alice.get(f"/files/{file['id']}").json() == changed


def test_everything_can_be_changed_at_once(alice, upload):
    file = upload(b"hello\n", metadata='{"keep": 1, "drop": 2}')
    changes = {
        "filename": "other name.txt",
        "folder": "to/here",
        "description": "new",
        "is_public": True,
        "expires_at": "2099-01-01T00:00:00Z",
        "metadata": {"drop": None, "add": [1]},
    }
    changed = patch(alice, file, changes).json()
    assert {name: changed[name] for name in changes} == changes | {"metadata": {"keep": 1, "add": [1]}}
    assert changed["version"] == 2


def test_a_move_asks_the_store_nothing_and_leaves_key_and_content_as_they_are(start_service, parts, bucket):
    with (
        faulty_store(parts["S3_ENDPOINT_URL"]) as proxy,
        start_service(store={"endpoint_url": proxy.endpoint_url}) as service,
        service.client("alice") as client,
    ):
        file = client.put("/files/raw/a.txt", params={"folder": "from"}, content=b"stays\n").json()
        proxy.refuse()
        moved = patch(client, file, {"folder": "to/there", "filename": "b.txt"}).json()
        proxy.heal()
        assert (moved["folder"], moved["filename"]) == ("to/there", "b.txt")
        assert (moved["s3_key"], moved["etag"]) == (file["s3_key"], file["etag"])
        assert bucket.read(file["s3_key"]) == b"stays\n"
        answer = client.get(f"/files/{file['id']}/download")
        assert (answer.content, answer.headers["ETag"]) == (b"stays\n", file["etag"])
        assert 'filename="b.txt"' in answer.headers["Content-Disposition"]
        folders = [client.get("/files", params={"folder": folder}).json()["items"] for folder in ("from", "to/there")]
        assert [file["id"] in {item["id"] for item in items} for items in folders] == [False, True]


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": {"e": None}}}, {"a": {"c": 2, "d": {}}}),
        ({"a": [1, 2]}, {"a": [3, None]}, {"a": [3, None]}),
        ({"a": "text"}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": "text"}, {"a": "text"}),
        ({"n": 1}, {"n": True}, {"n": True}),
        ({"n": 0}, {"n": False}, {"n": False}),
        ({"a": 1}, None, {}),
    ],
)
def test_metadata_is_merged(alice, upload, registry, before, change, after):
    """RFC 7396; to JSON `1` and `true` are two things."""
    file = upload(b"hello\n", metadata=json.dumps(before))
    changed = patch(alice, file, {"metadata": change}).json()
    assert json.dumps(changed["metadata"], sort_keys=True) == json.dumps(after, sort_keys=True)
    assert changed["version"] == 2
    [row] = registry.rows("SELECT metadata::text AS text FROM file_uploads WHERE id = $1", file["id"])
    assert json.dumps(json.loads(row["text"]), sort_keys=True) == json.dumps(after, sort_keys=True)


def test_null_clears_what_can_be_empty(alice, upload):
    file = upload(b"hello\n", description="first", expires_at="2099-01-01T00:00:00Z")
    changed = patch(alice, file, {"description": None, "expires_at": None}).json()
    assert (changed["description"], changed["expires_at"]) == (None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"metadata": {}},
        {"metadata": {"n": 1, "unknown": None}},
        {"filename": "notes.txt", "folder": "a", "description": "first", "is_public": False},
        {"expires_at": "2099-01-01T01:00:00+01:00"},
        {"owner_id": "alice"},
    ],
)
def test_what_is_the_same_already_is_no_change(alice, upload, changes):
    file = upload(b"x\n", folder="a", description="first", metadata='{"n": 1}', expires_at="2099-01-01T00:00:00Z")
    answer = patch(alice, file, changes)
    assert (answer.status_code, answer.json()) == (200, file)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"filename": None}, "body.filename"),
        ({"folder": None}, "body.folder"),
        ({"is_public": None}, "body.is_public"),
        ({"owner_id": None}, "body.owner_id"),
        ({"owner_id": ""}, "body.owner_id"),
        ({"colour": "red"}, "body.colour"),
        ({"s3_key": "mine"}, "body.s3_key"),
        ({"status": "deleted"}, "body.status"),
        ({"version": 7}, "body.version"),
        ({"metadata": [1]}, "body.metadata"),
        ({"description": "a\x00b"}, "body.description"),
        ({"description": "x" * 5000}, "body.description"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "body.expires_at"),
        ({"expires_at": "2099-01-01T00:00:00"}, "body.expires_at"),
    ],
)
def test_a_wrong_field_is_refused_by_its_name(alice, upload, changes, field):
    file = upload(b"hello\n")
    answer = patch(alice, file, changes)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert alice.get(f"/files/{file['id']}").json() == file


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"folder": "../up"}, "invalid_folder"),
        ({"folder": "a//b"}, "invalid_folder"),
        ({"filename": "//"}, "invalid_filename"),
        ({"metadata": {"b": "x" * 9000}}, "invalid_metadata"),
        ({"metadata": {"a": "\x00"}}, "invalid_metadata"),
    ],
)
def test_what_an_upload_could_not_be_a_change_can_not_make(alice, upload, changes, code):
    """The limits hold for what the patch leads to: what is there already counts."""
    file = upload(b"hello\n", metadata=json.dumps({"a": "x" * 9000}))
    answer = patch(alice, file, changes)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert alice.get(f"/files/{file['id']}").json() == file


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('{"metadata": {"a": NaN}}', "invalid_metadata"),
        ('{"metadata": {"a": 1e999}}', "invalid_metadata"),
        ('{"metadata": ' + '{"a":' * 17 + "1" + "}" * 18, "invalid_metadata"),
        # Too deep for any body: it is refused before anybody knows what it is a field of.
        ('{"metadata": ' + '{"a":' * 500 + "null" + "}" * 501, "validation_error"),
    ],
)
def test_metadata_that_json_or_the_registry_cannot_hold_is_refused(alice, upload, body, code):
    path = f"/files/{upload(b'hello')['id']}"
    answer = alice.patch(path, content=body, headers={"Content-Type": "application/merge-patch+json"})
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_many_keys_can_be_taken_away_by_a_patch_that_is_larger_than_metadata_may_be(alice, upload):
    keys = {f"{number:x}": 1 for number in range(1800)}
    file = upload(b"hello\n", metadata=json.dumps(keys, separators=(",", ":")))
    changes = {"metadata": dict.fromkeys(keys) | {"padding" * 1000: None, "other" * 1000: None}}
    assert len(json.dumps(changes)) > 16_384
    assert patch(alice, file, changes).json()["metadata"] == {}


@pytest.mark.parametrize("media_type", ["application/json", "application/merge-patch+json"])
def test_both_media_types_of_a_patch_are_taken(alice, upload, media_type):
    path = f"/files/{upload(b'hello')['id']}"
    answer = alice.patch(path, content=b'{"folder": "a"}', headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()["folder"]) == (200, "a")


@pytest.mark.parametrize(
    ("media_type", "body"),
    [("text/plain", "{}"), ("application/json", "{"), ("application/json", "[]"), ("application/json", '"a"')],
)
def test_what_is_no_patch_is_refused(alice, upload, media_type, body):
    path = f"/files/{upload(b'hello')['id']}"
    assert alice.patch(path, content=body, headers={"Content-Type": media_type}).status_code == 422


def test_the_document_of_the_api_names_both_media_types(service):
    operation = service.app.openapi()["paths"]["/api/v1/files/{file_id}"]["patch"]
    assert operation["requestBody"]["content"].keys() == {"application/json", "application/merge-patch+json"}
    properties = service.app.openapi()["components"]["schemas"]["FilePatch"]["properties"]
    assert {"type": "null"} not in properties["filename"].get("anyOf", [])


def test_only_admins_give_files_away(alice, bob, admin, upload):
    file = upload(b"hello\n")
    refused = patch(alice, file, {"owner_id": "bob"})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    given = patch(admin, file, {"owner_id": "bob"})
    assert (given.status_code, given.json()["owner_id"], given.json()["s3_key"]) == (200, "bob", file["s3_key"])
    assert alice.get(f"/files/{file['id']}").status_code == 404
    assert bob.get(f"/files/{file['id']}/download").content == b"hello\n"


def test_who_gave_a_file_away_does_not_get_it_back_by_its_key(alice, admin):
    key = {"Idempotency-Key": uuid4().hex}
    file = alice.put("/files/raw/a.txt", content=b"hello\n", headers=key).json()
    patch(admin, file, {"owner_id": "bob"})
    assert alice.put("/files/raw/a.txt", content=b"hello\n", headers=key).status_code == 404


def test_a_request_that_comes_again_is_answered_with_the_record_as_it_is_now(alice):
    key = {"Idempotency-Key": uuid4().hex}
    file = alice.put("/files/raw/a.txt", content=b"hello\n", headers=key).json()
    changed = patch(alice, file, {"folder": "moved"}).json()
    assert alice.put("/files/raw/a.txt", content=b"hello\n", headers=key).json() == changed


def test_a_deleted_file_has_to_be_restored_first(alice, upload, registry):
    deleted, expired = upload(b"hello\n"), upload(b"hello\n")
    alice.delete(f"/files/{deleted['id']}")
    expire(registry, expired["id"])
    for file in (deleted, expired):
        answer = patch(alice, file, {"expires_at": None})
        assert (answer.status_code, answer.json()["code"]) == (409, "file_not_available")
        assert alice.post(f"/files/{file['id']}/restore").status_code == 200
        assert patch(alice, file, {"folder": "a"}).status_code == 200


def test_an_end_can_be_set(alice, upload):
    file = upload(b"hello\n")
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    assert patch(alice, file, {"expires_at": soon}).status_code == 200
    wait_until(lambda: alice.get(f"/files/{file['id']}/download").status_code == 404)


@pytest.mark.parametrize("changes", [{"folder": "{}"}, {"filename": "{}.txt"}, {"filename": "{}.csv"}])
def test_of_many_changes_with_the_same_if_match_one_wins(service, upload, changes):
    file = upload(b"id,name\n1,Ada\n")

    def send(number):
        wanted = {name: value.format(f"n{number}") for name, value in changes.items()}
        with service.client("alice") as client:
            return patch(client, file, wanted, **{"If-Match": '"v1"'}).status_code

    assert sorted(at_once(*(partial(send, number) for number in range(6)))) == [200, 412, 412, 412, 412, 412]


def test_changes_without_if_match_are_merged_one_after_the_other(service, alice, upload):
    file = upload(b"hello\n")

    def send(number):
        with service.client("alice") as client:
            return patch(client, file, {"metadata": {f"n{number}": number}}).status_code

    assert set(at_once(*(partial(send, number) for number in range(8)))) == {200}
    record = alice.get(f"/files/{file['id']}").json()
    assert record["metadata"] == {f"n{number}": number for number in range(8)}
    assert record["version"] == 9
