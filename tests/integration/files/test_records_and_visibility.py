"""Who sees and changes which file, and what deleting and restoring mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.support.service import wait_until
from tests.support.sharing import grant
from tests.support.states import expire, set_column

CALLERS = ("owner", "stranger", "anonymous", "admin", "scopeless")
HIDDEN_FROM_PUBLIC = {"owner_id", "s3_key", "metadata", "description"}
NO_FILE = {"exists": False, "in_registry": False, "in_store": False}

STATES = ("private", "public", "deleted")

# What each caller, in the order above, is answered about a file in each of these states.
TABLE = {
    "GET ": ("200 404 401 200 403", "200 200 200 200 403", "200 404 401 200 403"),
    "HEAD ": ("200 404 401 200 403", "200 200 200 200 403", "200 404 401 200 403"),
    "GET /download": ("200 404 401 200 403", "200 200 200 200 403", "404 404 401 404 403"),
    "HEAD /download": ("200 404 401 200 403", "200 200 200 200 403", "404 404 401 404 403"),
    "GET /download?redirect=true": ("307 404 401 307 403", "307 307 307 307 403", "404 404 401 404 403"),
    "GET /presigned-url": ("200 404 401 200 403", "200 200 200 200 403", "404 404 401 404 403"),
    "GET /metadata": ("200 404 401 200 403", "200 403 401 200 403", "404 404 401 404 403"),
    "GET /exists": ("200 200 401 200 403", "200 200 401 200 403", "200 200 401 200 403"),
    "POST /copy": ("201 404 401 201 403", "201 403 401 201 403", "404 404 401 404 403"),
    "POST /restore": ("200 404 401 200 403", "200 403 401 200 403", "200 404 401 200 403"),
    "PATCH ": ("200 404 401 200 403", "200 403 401 200 403", "409 404 401 409 403"),
    "PUT /content": ("200 404 401 200 403", "200 403 401 200 403", "409 404 401 409 403"),
    "DELETE ": ("204 404 401 204 403", "204 403 401 204 403", "204 404 401 204 403"),
    "DELETE ?hard_delete=true": ("204 404 401 204 403", "204 403 401 204 403", "204 404 401 204 403"),
    "GET /grants": ("200 404 401 200 403", "200 403 401 200 403", "200 404 401 200 403"),
    "PUT /grants/{principal}": ("200 404 401 200 403", "200 403 401 200 403", "200 404 401 200 403"),
    "DELETE /grants/{principal}": ("204 404 401 204 403", "204 403 401 204 403", "204 404 401 204 403"),
}  # fmt: skip
BODIES = {
    "PATCH ": {"json": {"folder": "elsewhere"}},
    "PUT /content": {"content": b"other bytes"},
    "PUT /grants/{principal}": {"json": {"access": "write"}},
}
SOMEBODY_ELSE = "user:somebody-else"


def expected_of(route: str, state: str) -> dict[str, int]:
    """The table's statuses by caller."""
    statuses = TABLE[route][STATES.index(state)].split()
    return dict(zip(CALLERS, map(int, statuses), strict=True))


@pytest.fixture(scope="module")
def callers(service):
    """A client for each kind of caller."""
    clients = {
        "owner": service.client("alice"),
        "stranger": service.client("bob"),
        "anonymous": service.client(None),
        "admin": service.client("root", scopes={"files:admin"}),
        "scopeless": service.client("alice", scopes=set()),
    }
    yield clients
    for client in clients.values():
        client.close()


@pytest.fixture
def file_in(upload, alice):
    """A file of alice's in one of the table's states, granted to somebody who doesn't call."""

    def make(state: str) -> dict:
        fields = {"is_public": state == "public", "description": "mine", "metadata": '{"a": 1}'}
        file = upload(b"what everybody asks for", **fields)
        grant(alice, file, SOMEBODY_ELSE)
        if state == "deleted":
            alice.delete(f"/files/{file['id']}")
        return file

    return make


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("route", TABLE)
def test_each_caller_gets_the_answer_that_the_table_says(callers, file_in, route, state):
    """Case 22."""
    method, _, path = route.partition(" ")
    found = {}
    for caller in reversed(CALLERS):  # those who may change it come last
        file = file_in(state)
        url = f"/files/{file['id']}{path.format(principal=SOMEBODY_ELSE)}"
        found[caller] = callers[caller].request(method, url, **BODIES.get(route, {})).status_code
    assert found == expected_of(route, state)


def test_the_table_names_every_route_of_a_file(service):
    paths = service.app.openapi()["paths"]
    prefix = "/api/v1/files/{file_id}"
    routes = {
        f"{method.upper()} {path.removeprefix(prefix)}"
        for path, methods in paths.items()
        if path.startswith(prefix)
        for method in methods
    }
    assert routes == {route.partition("?")[0] for route in TABLE}


@pytest.mark.parametrize("route", TABLE)
def test_an_unknown_id_looks_like_somebody_elses_file(callers, route):
    method, _, path = route.partition(" ")
    expected = expected_of(route, "private")
    for caller in ("stranger", "anonymous", "scopeless"):
        url = f"/files/{uuid4()}{path.format(principal=SOMEBODY_ELSE)}"
        answer = callers[caller].request(method, url, **BODIES.get(route, {}))
        assert answer.status_code == expected[caller], caller


def test_a_refusal_does_not_tell_a_private_file_from_no_file(callers, file_in):
    file = file_in("private")
    for caller in ("stranger", "anonymous"):
        known, unknown = (callers[caller].get(f"/files/{file_id}").json() for file_id in (file["id"], uuid4()))
        assert {**known, "request_id": ""} == {**unknown, "request_id": ""}


@pytest.mark.parametrize("caller", ["stranger", "anonymous"])
def test_the_public_sees_neither_owner_nor_key_nor_notes(callers, file_in, caller):
    file = file_in("public")
    seen = callers[caller].get(f"/files/{file['id']}").json()
    assert seen == {name: value for name, value in file.items() if name not in HIDDEN_FROM_PUBLIC}


@pytest.mark.parametrize("caller", ["owner", "admin"])
def test_owner_and_admin_see_the_whole_record(callers, file_in, caller):
    file = file_in("private")
    assert callers[caller].get(f"/files/{file['id']}").json() == file
    assert file.keys() >= HIDDEN_FROM_PUBLIC


def test_somebody_elses_public_file_exists_for_nobody_and_is_in_no_listing(bob, file_in):
    file = file_in("public")
    assert bob.get(f"/files/{file['id']}/exists").json() == NO_FILE
    assert file["id"] not in {item["id"] for item in bob.get("/files", params={"limit": 1000}).json()["items"]}


def test_a_token_may_do_exactly_what_its_scope_says(service, file_in):
    file = file_in("private")
    reader, writer = (service.client("alice", scopes={scope}) for scope in ("files:read", "files:write"))
    with reader as reads, writer as writes:
        assert reads.get(f"/files/{file['id']}").status_code == 200
        assert reads.delete(f"/files/{file['id']}").status_code == 403
        assert writes.get(f"/files/{file['id']}").status_code == 403
        assert writes.post(f"/files/{file['id']}/copy").status_code == 403
        assert writes.delete(f"/files/{file['id']}").status_code == 204


def test_a_soft_deleted_file_stays_readable_as_a_record_only(alice, file_in):
    file = file_in("deleted")
    record = alice.get(f"/files/{file['id']}").json()
    assert record["status"] == "deleted"
    assert datetime.fromisoformat(record["deleted_at"]) <= datetime.now(UTC)
    assert alice.get(f"/files/{file['id']}/exists").json() == {"exists": False, "in_registry": True, "in_store": True}


def test_deleting_again_changes_nothing(alice, file_in):
    file = file_in("deleted")
    before = alice.get(f"/files/{file['id']}").json()
    assert alice.delete(f"/files/{file['id']}").status_code == 204
    assert alice.get(f"/files/{file['id']}").json() == before


def test_a_restored_file_is_as_it_was(alice, file_in):
    file = file_in("deleted")
    restored = alice.post(f"/files/{file['id']}/restore").json()
    assert (restored["status"], restored["deleted_at"]) == ("available", None)
    assert alice.get(f"/files/{file['id']}/download").content == b"what everybody asks for"
    again = alice.post(f"/files/{file['id']}/restore")
    assert (again.status_code, again.json()) == (200, restored)


@pytest.mark.parametrize("state", ["private", "deleted"])
def test_a_hard_deleted_file_is_gone_with_its_object(alice, bucket, file_in, state):
    file = file_in(state)
    assert alice.delete(f"/files/{file['id']}", params={"hard_delete": True}).status_code == 204
    assert alice.get(f"/files/{file['id']}").status_code == 404
    assert alice.get(f"/files/{file['id']}/exists").json() == NO_FILE
    assert alice.post(f"/files/{file['id']}/restore").status_code == 404
    assert alice.delete(f"/files/{file['id']}", params={"hard_delete": True}).status_code == 404
    wait_until(lambda: not bucket.has(file["s3_key"]))


def test_the_record_etag_changes_with_every_change(alice, file_in):
    path = f"/files/{file_in('private')['id']}"
    etags = [alice.get(path).headers["ETag"]]
    for change in (lambda: alice.delete(path), lambda: alice.post(f"{path}/restore")):
        change()
        etags.append(alice.get(path).headers["ETag"])
    assert etags == ['"v1"', '"v2"', '"v3"']
    assert alice.get(path).json()["version"] == 3


@pytest.mark.parametrize("route", ["PATCH ", "PUT /content", "DELETE ", "DELETE ?hard_delete=true", "POST /restore"])
@pytest.mark.parametrize(
    ("if_match", "is_refused"),
    [('"v1"', False), ("*", False), ('"v7", "v1"', False), ('"v2"', True), ('W/"v1"', True), ("v1", True), ("", True)],
)
def test_a_change_is_refused_when_the_record_is_another_than_the_one_read(alice, file_in, route, if_match, is_refused):
    file = file_in("private")
    method, _, path = route.partition(" ")
    answer = alice.request(
        method, f"/files/{file['id']}{path}", headers={"If-Match": if_match}, **BODIES.get(route, {})
    )
    assert (answer.status_code == 412) is is_refused
    if is_refused:
        assert answer.json()["code"] == "precondition_failed"
        assert alice.get(f"/files/{file['id']}").json() == file


def test_an_expired_file_counts_as_deleted_everywhere(alice, bob, anonymous, upload, registry):
    file = upload(b"soon over", folder="ending", is_public=True)
    expire(registry, file["id"])
    path = f"/files/{file['id']}"
    record = alice.get(path).json()
    assert (record["status"], record["deleted_at"]) == ("deleted", record["expires_at"])
    assert (bob.get(path).status_code, anonymous.get(path).status_code) == (404, 401)
    for route in ("/download", "/presigned-url", "/metadata"):
        assert alice.get(f"{path}{route}").status_code == 404
    assert alice.post(f"{path}/copy").status_code == 404
    assert alice.get(f"{path}/exists").json() == {"exists": False, "in_registry": True, "in_store": True}
    for status, is_listed in (("available", False), ("deleted", True)):
        page = alice.get("/files", params={"status": status, "folder": "ending"}).json()
        assert (file["id"] in [item["id"] for item in page["items"]]) is is_listed


def test_restoring_an_expired_file_takes_its_end_away(alice, file_in, registry):
    file = file_in("private")
    expire(registry, file["id"])
    restored = alice.post(f"/files/{file['id']}/restore").json()
    assert (restored["status"], restored["expires_at"]) == ("available", None)


def test_a_file_that_ends_later_is_as_good_as_any_until_then(alice, upload):
    file = upload(b"soon gone", expires_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    assert alice.get(f"/files/{file['id']}/download").status_code == 200


@pytest.mark.parametrize("status", ["pending", "verifying", "scanning", "rejected"])
def test_an_unfinished_file_can_only_be_removed_for_good(alice, file_in, registry, status):
    file = file_in("private")
    set_column(registry, file["id"], "status", status)
    path = f"/files/{file['id']}"
    assert alice.get(path).json()["status"] == status
    assert alice.get(f"{path}/metadata").status_code == 409
    assert alice.delete(path).json()["code"] == "file_not_available"
    assert alice.post(f"{path}/restore").status_code == 409
    assert alice.patch(path, json={"folder": "a"}).json()["code"] == "file_not_available"
    assert alice.put(f"{path}/content", content=b"other").json()["code"] == "file_not_available"
    assert alice.delete(path, params={"hard_delete": True}).status_code == 204


def test_metadata_says_what_the_store_says(alice, file_in, bucket):
    file = file_in("private")
    told = alice.get(f"/files/{file['id']}/metadata").json()
    head = bucket.client.head_object(Bucket=bucket.name, Key=file["s3_key"])
    assert told == {
        "content_type": "text/plain",
        "file_size": file["file_size"],
        "last_modified": head["LastModified"].isoformat().replace("+00:00", "Z"),
        "etag": head["ETag"],
        "storage_class": "STANDARD",
        "server_side_encryption": head.get("ServerSideEncryption"),
        "checksum_sha256": file["checksum_sha256"],
        "metadata": {"a": 1},
    }
    assert head["Metadata"] == {"file-id": file["id"]}


def test_an_existing_file_exists(alice, file_in):
    file = file_in("private")
    assert alice.get(f"/files/{file['id']}/exists").json() == {"exists": True, "in_registry": True, "in_store": True}
