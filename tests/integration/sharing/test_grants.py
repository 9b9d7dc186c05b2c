"""Grants: who may do what with somebody else's file, from when and until when."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from tests.support.sharing import grant, grant_path, revoke
from tests.support.states import expire, hard_delete, in_status

CALLERS = ("reader", "writer")
# What those are answered to whom an available file of alice's was granted.
TABLE = {
    "GET ": "200 200",
    "HEAD ": "200 200",
    "GET /download": "200 200",
    "HEAD /download": "200 200",
    "GET /download?redirect=true": "307 307",
    "GET /presigned-url": "200 200",
    "GET /metadata": "200 200",
    "GET /exists": "200 200",
    "POST /copy": "201 201",
    "PATCH ": "403 200",
    "PUT /content": "403 200",
    "POST /restore": "403 403",
    "DELETE ": "403 403",
    "DELETE ?hard_delete=true": "403 403",
    "GET /grants": "403 403",
    "PUT /grants/user:eve": "403 403",
    "DELETE /grants/user:eve": "403 403",
}
BODIES = {
    "PATCH ": {"json": {"folder": "elsewhere"}},
    "PUT /content": {"content": b"other bytes"},
    "PUT /grants/user:eve": {"json": {"access": "read"}},
}
NO_FILE = {"exists": False, "in_registry": False, "in_store": False}
OWNERS_ALONE = {"is_public": True, "expires_at": "2120-01-01T00:00:00Z", "owner_id": "eve"}


@pytest.fixture
def file(upload):
    return upload(b"for some", folder="from", description="mine", metadata='{"a": 1}')


@pytest.fixture
def granted(alice, file, somebody):
    """Callers to whom the file was granted, each by its own name and by its group's."""
    made = {}
    for way in ("user", "group"):
        for caller, access in (("reader", "read"), ("writer", "write")):
            group = f"team-{uuid4().hex}"
            name, made[way, caller] = somebody("others", group)
            grant(alice, file, f"{way}:{name if way == 'user' else group}", access)
    return made


@pytest.fixture
def writer(granted):
    return granted["user", "writer"]


@pytest.fixture
def reader(granted):
    return granted["user", "reader"]


def ask(client: httpx.Client, route: str, file: dict) -> httpx.Response:
    method, _, path = route.partition(" ")
    return client.request(method, f"/files/{file['id']}{path}", **BODIES.get(route, {}))


@pytest.mark.parametrize("route", TABLE)
def test_a_grant_allows_what_the_table_says_and_nothing_more(granted, file, route):
    expected = dict(zip(CALLERS, map(int, TABLE[route].split()), strict=True))
    found = {key: ask(client, route, file) for key, client in granted.items()}
    assert {key: answer.status_code for key, answer in found.items()} == {key: expected[key[1]] for key in found}
    assert {answer.json()["code"] for answer in found.values() if answer.status_code == 403} <= {"forbidden"}


@pytest.mark.parametrize("state", ["pending", "verifying", "scanning", "rejected", "deleted", "expired"])
def test_a_grant_counts_for_available_files_only(alice, registry, granted, file, state):
    if state == "expired":
        expire(registry, file["id"])
    with in_status(registry, file["id"], "available" if state == "expired" else state):
        assert alice.get(f"/files/{file['id']}").status_code == 200
        for client in granted.values():
            statuses = {route: ask(client, route, file).status_code for route in TABLE}
            assert statuses == dict.fromkeys(TABLE, 404) | {"GET /exists": 200}
            assert ask(client, "GET /exists", file).json() == NO_FILE
            assert client.get("/files", params={"shared_with_me": True}).json()["items"] == []


def test_a_grant_is_for_nobody_but_whom_it_names(alice, bob, anonymous, upload, somebody, file):
    other = upload(b"another file")
    name, reader = somebody(f"group-of-{uuid4().hex}")
    _, stranger = somebody(name)
    grant(alice, file, f"user:{name}")
    assert reader.get(f"/files/{file['id']}").status_code == 200
    assert reader.get(f"/files/{other['id']}").status_code == 404
    # A group that has the user's name is another.
    assert [client.get(f"/files/{file['id']}").status_code for client in (stranger, bob, anonymous)] == [404, 404, 401]


def test_a_refusal_does_not_tell_a_file_that_is_granted_to_others_from_no_file(alice, bob, file):
    grant(alice, file, "user:eve")
    known, unknown = (
        bob.put(f"/files/{id_}/grants/user:eve", json={"access": "read"}) for id_ in (file["id"], uuid4())
    )
    assert (known.status_code, known.json()["code"]) == (404, "file_not_found")
    assert {**known.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}


@pytest.mark.parametrize("is_public", [False, True])
def test_who_was_granted_a_file_sees_all_but_its_key(alice, reader, writer, file, is_public):
    record = alice.patch(f"/files/{file['id']}", json={"is_public": is_public}).json()
    seen = {name: value for name, value in record.items() if name != "s3_key"}
    assert reader.get(f"/files/{file['id']}").json() == writer.get(f"/files/{file['id']}").json() == seen
    changed = writer.patch(f"/files/{file['id']}", json={"description": "ours"}).json()
    assert changed == writer.get(f"/files/{file['id']}").json()
    assert alice.get(f"/files/{file['id']}").json() == changed | {"s3_key": file["s3_key"]}


def test_grants_are_no_change_of_the_record(alice, file):
    for principal in ("user:eve", "group:team"):
        grant(alice, file, principal)
    answer = alice.get(f"/files/{file['id']}")
    assert (answer.json(), answer.headers["ETag"]) == (file, '"v1"')


def test_a_granted_file_exists_and_can_be_read(granted, file):
    for client in granted.values():
        found = client.get(f"/files/{file['id']}/exists").json()
        assert found == {"exists": True, "in_registry": True, "in_store": True}
        assert client.get(f"/files/{file['id']}/download").content == b"for some"


def test_many_urls_at_once_are_signed_for_granted_files_too(reader, upload, file):
    private = upload(b"private")
    results = reader.post("/files/presigned-urls", json={"ids": [file["id"], private["id"]]}).json()["results"]
    assert [result["status"] for result in results] == [200, 404]
    assert httpx.get(results[0]["url"]["url"]).content == b"for some"


@pytest.mark.parametrize(
    ("operation", "fields", "statuses"),
    [
        ("move", {"folder": "to"}, (403, 200)),
        ("copy", {}, (201, 201)),
        ("delete", {}, (403, 403)),
        ("hard_delete", {}, (403, 403)),
        ("restore", {}, (403, 403)),
    ],
)
def test_a_batch_does_what_single_requests_would(reader, writer, file, operation, fields, statuses):
    for client, status in zip((reader, writer), statuses, strict=True):
        body = {"operation": operation, "ids": [file["id"]], **fields}
        [result] = client.post("/files/batch", json=body).json()["results"]
        assert result["status"] == status
        if status == 200:
            assert result["file"] == client.get(f"/files/{file['id']}").json()


def test_a_copy_is_its_makers_own(alice, somebody, file):
    name, reader = somebody()
    grant(alice, file, f"user:{name}")
    copied = reader.post(f"/files/{file['id']}/copy").json()
    revoke(alice, file, f"user:{name}")
    assert (copied["owner_id"], copied["metadata"]) == (name, {"a": 1})
    assert reader.get(f"/files/{copied['id']}").json() == copied
    assert alice.get(f"/files/{copied['id']}").status_code == 404


@pytest.mark.parametrize("column", OWNERS_ALONE)
def test_who_sees_a_file_and_how_long_there_is_one_is_the_owners_alone(alice, writer, file, column):
    answer = writer.patch(f"/files/{file['id']}", json={"description": "x", column: OWNERS_ALONE[column]})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert alice.get(f"/files/{file['id']}").json() == file
    unchanged = writer.patch(f"/files/{file['id']}", json={"description": "x", column: file[column]})
    assert (unchanged.status_code, unchanged.json()["description"]) == (200, "x")


def test_a_writer_changes_name_and_bytes_as_the_owner_would(alice, writer, file):
    path = f"/files/{file['id']}"
    assert writer.patch(path, json={"filename": "b.txt"}, headers={"If-Match": '"v1"'}).json()["filename"] == "b.txt"
    assert writer.put(f"{path}/content", content=b"new", headers={"If-Match": '"v1"'}).status_code == 412
    replaced = writer.put(f"{path}/content", content=b"new", headers={"If-Match": '"v2"'})
    assert (replaced.status_code, replaced.json()["owner_id"]) == (200, "alice")
    assert replaced.json() == writer.get(path).json()
    assert alice.get(f"{path}/download").content == b"new"


def test_a_grant_gives_no_scope(service, alice, somebody, file):
    for scope, method, status in (
        ("files:write", "GET", 403),
        ("files:read", "PATCH", 403),
        ("files:read", "GET", 200),
    ):
        name, client = somebody(scope=scope)
        grant(alice, file, f"user:{name}", "write")
        answer = client.request(method, f"/files/{file['id']}", json={} if method == "PATCH" else None)
        assert answer.status_code == status, (scope, method)
    for scope, method in (("files:write", "GET"), ("files:read", "PUT"), ("files:read", "DELETE")):
        with service.client("alice", scopes={scope}) as client:
            path = f"/files/{file['id']}/grants" if method == "GET" else grant_path(file, "user:eve")
            assert client.request(method, path, json={"access": "read"} if method == "PUT" else None).status_code == 403


def test_an_api_key_has_its_owners_grants_but_no_groups(service, alice, upload, somebody):
    name, owner = somebody("team-of-keys")
    by_name, by_group = upload(b"by name"), upload(b"by group")
    grant(alice, by_name, f"user:{name}")
    grant(alice, by_group, "group:team-of-keys")
    key = owner.post("/keys", json={"name": "ci"}).json()["key"]
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=f"{service.base_url}/api/v1", headers=headers) as script:
        assert script.get(f"/files/{by_name['id']}").status_code == 200
        assert script.get(f"/files/{by_group['id']}").status_code == 404
        assert owner.get(f"/files/{by_group['id']}").status_code == 200


def test_the_most_that_any_grant_allows_counts(alice, somebody, file):
    team = f"team-{uuid4().hex}"
    name, client = somebody("a", team, "b")
    grant(alice, file, f"user:{name}", "read")
    assert client.patch(f"/files/{file['id']}", json={"folder": "x"}).status_code == 403
    grant(alice, file, f"group:{team}", "write")
    assert client.patch(f"/files/{file['id']}", json={"folder": "x"}).status_code == 200
    revoke(alice, file, f"user:{name}")
    assert client.get(f"/files/{file['id']}").status_code == 200


def test_uploads_are_their_owners_alone_whatever_was_granted(alice, somebody, open_upload):
    upload_id, *_ = open_upload
    name, writer = somebody()
    grant(alice, {"id": upload_id}, f"user:{name}", "write")
    path = f"/files/uploads/{upload_id}"
    answers = [
        writer.get(path),
        writer.post(f"{path}/parts", json={"part_numbers": [1]}),
        writer.post(f"{path}/complete"),
        writer.delete(path),
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "upload_not_found")}


def test_a_grant_may_come_before_the_bytes_and_counts_from_then_on(alice, registry, somebody, file):
    name, reader = somebody()
    with in_status(registry, file["id"], "pending"):
        grant(alice, file, f"user:{name}")
        assert reader.get(f"/files/{file['id']}").status_code == 404
    assert reader.get(f"/files/{file['id']}").status_code == 200


def test_grants_outlive_a_soft_delete(alice, somebody, file):
    name, reader = somebody()
    grant(alice, file, f"user:{name}")
    alice.delete(f"/files/{file['id']}")
    assert reader.get(f"/files/{file['id']}").status_code == 404
    assert [item["principal"] for item in alice.get(f"/files/{file['id']}/grants").json()["items"]] == [f"user:{name}"]
    alice.post(f"/files/{file['id']}/restore")
    assert reader.get(f"/files/{file['id']}").status_code == 200


def test_grants_end_with_a_hard_delete(alice, registry, granted, file):
    hard_delete(alice, registry, file)
    assert registry.rows("SELECT 1 FROM file_grants WHERE file_id = $1", file["id"]) == []
    assert {client.get(f"/files/{file['id']}").status_code for client in granted.values()} == {404}


def test_grants_stay_when_the_file_gets_another_owner(alice, admin, somebody, file):
    (reader_name, reader), (heir_name, heir) = somebody(), somebody()
    for name in (reader_name, heir_name):
        grant(alice, file, f"user:{name}")
    admin.patch(f"/files/{file['id']}", json={"owner_id": heir_name})
    assert alice.get(f"/files/{file['id']}").status_code == 404
    assert reader.get(f"/files/{file['id']}").json()["owner_id"] == heir_name
    # What the new owner was granted before does no harm, and can be tidied away.
    assert "s3_key" in heir.get(f"/files/{file['id']}").json()
    assert heir.get("/files", params={"shared_with_me": True}).json()["items"] == []
    revoke(heir, file, f"user:{heir_name}")
    assert heir.get(f"/files/{file['id']}").status_code == 200
