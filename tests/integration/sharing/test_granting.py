"""Grants as their owner keeps them: given, listed, taken away; by many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest

from app.config import MEBIBYTE
from tests.support.content import noise
from tests.support.locks import open_transaction, wait_for_a_waiter
from tests.support.races import at_once
from tests.support.service import wait_until
from tests.support.sharing import caller, grant, grant_path, revoke

READ = {"access": "read"}


@pytest.fixture
def file(upload):
    return upload(b"for some")


def grants_of(client: httpx.Client, file: dict) -> dict[str, str]:
    """What is granted to whom, in the order of the answer."""
    answer = client.get(f"/files/{file['id']}/grants")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "private, no-store")
    return {item["principal"]: item["access"] for item in answer.json()["items"]}


def test_a_grant_is_made_once_and_changed_afterwards(alice, admin, file):
    made, again, changed = (
        client.put(grant_path(file, "user:bob"), json={"access": access})
        for client, access in ((alice, "read"), (admin, "read"), (admin, "write"))
    )
    assert [answer.status_code for answer in (made, again, changed)] == [201, 200, 200]
    assert made.json() == {
        "principal": "user:bob",
        "access": "read",
        "granted_by": "alice",
        "created_at": made.json()["created_at"],
    }
    assert again.json() == made.json()
    assert changed.json() == made.json() | {"access": "write", "granted_by": "root"}
    assert alice.get(f"/files/{file['id']}/grants").json() == {"items": [changed.json()]}


def test_grants_are_listed_with_users_before_groups_each_by_name(alice, admin, file):
    assert grants_of(alice, file) == {}
    for principal in ("group:b", "user:ä", "user:z", "group:a", "user:Z"):
        grant(alice, file, principal)
    expected = ["user:Z", "user:z", "user:ä", "group:a", "group:b"]
    assert list(grants_of(alice, file)) == list(grants_of(admin, file)) == expected


def test_a_revoked_grant_is_over_at_once_but_for_urls_that_are_out(alice, somebody, file):
    name, reader = somebody()
    grant(alice, file, f"user:{name}")
    url = reader.get(f"/files/{file['id']}/presigned-url").json()["url"]
    revoke(alice, file, f"user:{name}")
    for route in ("", "/download", "/presigned-url", "/metadata", "/grants"):
        assert reader.get(f"/files/{file['id']}{route}").status_code == 404
    assert httpx.get(url).content == b"for some"
    again = alice.delete(grant_path(file, f"user:{name}"))
    assert (again.status_code, again.json()["code"]) == (404, "grant_not_found")


@pytest.mark.parametrize(
    "name",
    ["a/b", "/", "https://login.example.com/u/7?a=b&c#d", "user:x", "%2F", "%", " ", "a b ", "Büro/東京", "e\u0301",
     "*", "auth0|7", "+", "'\"<>;", "x" * 255, "ü" * 255],
)  # fmt: skip
def test_names_are_taken_verbatim(service, alice, file, name):
    for kind, claims in (("user", (name,)), ("group", (f"somebody-{uuid4().hex}", name))):
        assert grant(alice, file, f"{kind}:{name}")["principal"] == f"{kind}:{name}"
        with caller(service, *claims) as client:
            assert client.get(f"/files/{file['id']}").status_code == 200
            revoke(alice, file, f"{kind}:{name}")
            assert client.get(f"/files/{file['id']}").status_code == 404


def test_a_slash_may_come_as_itself(alice, file):
    answer = alice.put(f"/files/{file['id']}/grants/group:a/b", json=READ)
    assert (answer.status_code, answer.json()["principal"]) == (201, "group:a/b")


@pytest.mark.parametrize(
    "segment",
    ["", "bob", "user:", "group:", "users:bob", "User:bob", ":bob", "user:%00", "user:a%0Ab", "user:bob%0A",
     "user:%0A", "user:%7F", "user:%C2%85",
     "user:%FF", "group:" + "x" * 256],
)  # fmt: skip
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_path_that_names_nobody_is_refused(alice, file, method, segment):
    answer = alice.request(method, f"/files/{file['id']}/grants/{segment}", json=READ if method == "PUT" else None)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert [error["field"] for error in answer.json()["errors"]] == ["path.principal"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body.access"),
        ({"access": "own"}, "body.access"),
        ({"access": None}, "body.access"),
        ({"access": "read", "until": "2030-01-01T00:00:00Z"}, "body.until"),
        ([], "body"),
    ],
)
def test_a_body_that_says_something_else_is_refused_by_name(alice, file, body, field):
    answer = alice.put(grant_path(file, "user:bob"), json=body)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, [field])
    assert grants_of(alice, file) == {}


def test_nothing_is_granted_to_the_owner(alice, admin, file):
    for client in (alice, admin):
        answer = client.put(grant_path(file, "user:alice"), json=READ)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "path.principal")
    # A group may have any name.
    grant(alice, file, "group:alice")


def test_a_file_has_a_thousand_grants_and_no_more(alice, registry, file):
    fill = """
        INSERT INTO file_grants (file_id, grantee_kind, grantee, access, granted_by)
        SELECT $1, 'user', 'reader-' || i, 'read', 'alice' FROM generate_series(1, 999) AS i
    """
    registry.rows(fill, file["id"])
    grant(alice, file, "user:the-last")
    answer = alice.put(grant_path(file, "user:one-more"), json=READ)
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_grants")
    assert grant(alice, file, "user:reader-7", "write")["access"] == "write"
    revoke(alice, file, "user:reader-8")
    grant(alice, file, "user:one-more")
    assert len(grants_of(alice, file)) == 1000


def test_of_the_same_grant_twice_at_once_one_is_new(alice, file):
    for number in range(10):
        path = grant_path(file, f"user:reader-{number}")
        answers = at_once(*[lambda path=path: alice.put(path, json=READ)] * 4)
        assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len(grants_of(alice, file)) == 10


def test_a_grant_beside_a_hard_delete_comes_before_it_or_not_at_all(alice, registry, upload):
    for number in range(10):
        file = upload(b"going %d" % number)
        granting = [lambda file=file, n=n: alice.put(grant_path(file, f"user:r-{n}"), json=READ) for n in range(3)]
        *granted, deleted = at_once(
            *granting, lambda file=file: alice.delete(f"/files/{file['id']}", params={"hard_delete": True})
        )
        assert deleted.status_code == 204
        assert {answer.status_code for answer in granted} <= {201, 404}
        assert registry.rows("SELECT 1 FROM file_grants WHERE file_id = $1", file["id"]) == []


@pytest.mark.parametrize("change", ["taken away", "made smaller"])
@pytest.mark.parametrize("route", ["PATCH ", "PUT /content"])
def test_a_change_that_waits_behind_a_revocation_finds_no_grant(alice, registry, somebody, file, route, change):
    """A statement that waits for a lock has read the grants before the wait."""
    name, writer = somebody()
    grant(alice, file, f"user:{name}", "write")
    method, _, path = route.partition(" ")
    body = {"json": {"folder": "x"}} if method == "PATCH" else {"content": b"other"}
    with ThreadPoolExecutor(1) as pool:
        with open_transaction(registry) as run:
            run("SELECT 1 FROM file_uploads WHERE id = $1 FOR UPDATE", file["id"])
            if change == "taken away":
                run("DELETE FROM file_grants WHERE file_id = $1", file["id"])
            else:
                run("UPDATE file_grants SET access = 'read' WHERE file_id = $1", file["id"])
            changing = pool.submit(writer.request, method, f"/files/{file['id']}{path}", **body)
            wait_for_a_waiter(registry)
        assert changing.result(30).status_code == (404 if change == "taken away" else 403)
    assert alice.get(f"/files/{file['id']}").json() == file


def test_a_change_that_waits_behind_a_flip_finds_the_new_bytes(alice, registry, upload, file):
    """The object that it would have found before the wait is another one by then."""
    other, name = upload(b"other"), "SELECT current_object_id FROM file_uploads WHERE id = $1"
    objects = [registry.rows(name, each["id"])[0]["current_object_id"] for each in (file, other)]
    flip = "UPDATE file_uploads SET current_object_id = $2 WHERE id = $1"
    with ThreadPoolExecutor(1) as pool:
        with open_transaction(registry) as run:
            run(flip, file["id"], objects[1])
            changing = pool.submit(alice.patch, f"/files/{file['id']}", json={"folder": "x"})
            wait_for_a_waiter(registry)
        answer = changing.result(30)
    registry.rows(flip, file["id"], objects[0])
    assert (answer.status_code, answer.json()["s3_key"]) == (200, other["s3_key"])


@pytest.mark.parametrize("change", ["taken away", "made smaller"])
def test_new_bytes_whose_grant_went_while_they_came_are_not_taken(alice, registry, bucket, somebody, upload, change):
    file = upload(b"\xffold", "data.bin")
    name, writer = somebody()
    grant(alice, file, f"user:{name}", "write")
    being_written = "SELECT 1 FROM stored_objects WHERE file_id = $1 AND state = 'reserved'"

    def body():
        yield noise(9 * MEBIBYTE)
        wait_until(lambda: registry.rows(being_written, file["id"]))
        if change == "taken away":
            revoke(alice, file, f"user:{name}")
        else:
            grant(alice, file, f"user:{name}", "read")
        yield b"the end"

    answer = writer.put(f"/files/{file['id']}/content", content=body())
    assert answer.status_code == (404 if change == "taken away" else 403)
    assert alice.get(f"/files/{file['id']}").json() == file
    wait_until(lambda: not registry.rows(being_written, file["id"]))
    assert bucket.has(file["s3_key"])
