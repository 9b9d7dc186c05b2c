"""PUT …/content while others change the file, and while the store fails: no bytes but whole ones."""

from __future__ import annotations

from functools import partial
from uuid import uuid4

import pytest

from app.config import MEBIBYTE
from tests.support.faulty_store import faulty_store
from tests.support.races import at_once
from tests.support.raw_http import raw_connection
from tests.support.replacing import BEGUN, LARGE, OLD, begin, is_as_before, replace
from tests.support.service import wait_until


@pytest.fixture
def begun(service, registry, binary):
    """A replacement of which half has arrived, and the bytes that are still to be sent."""
    with raw_connection(service.port) as connection:
        begin(connection, service, binary, len(LARGE))
        connection.send(LARGE[: 10 * MEBIBYTE])
        wait_until(lambda: registry.rows(BEGUN, binary["id"]))
        yield connection, LARGE[10 * MEBIBYTE :]


def test_until_the_flip_the_file_is_as_it_was(alice, bucket, binary, begun):
    connection, rest = begun
    assert is_as_before(alice, bucket, binary)
    connection.send(rest)
    assert connection.answer().status == 200
    assert alice.get(f"/files/{binary['id']}/download").content == LARGE


def test_a_replacement_that_is_cut_off_leaves_the_old_bytes(service, registry, alice, bucket, binary):
    with raw_connection(service.port) as connection:
        begin(connection, service, binary, len(LARGE))
        connection.send(LARGE[: 10 * MEBIBYTE])
        wait_until(lambda: registry.rows(BEGUN, binary["id"]))
    others = "SELECT state FROM stored_objects WHERE file_id = $1 AND key <> $2"
    wait_until(lambda: registry.rows(others, binary["id"], binary["s3_key"]) == [{"state": "removed"}])
    assert is_as_before(alice, bucket, binary)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda client, path: client.delete(path, params={"hard_delete": True}), 409),
        (lambda client, path: client.delete(path), 409),
        (lambda client, path: client.patch(path, json={"filename": "data.pdf"}), 200),
        (lambda client, path: client.patch(path, json={"folder": "moved"}), 200),
    ],
    ids=["hard delete", "soft delete", "wrong name", "move"],
)
def test_what_happened_to_the_file_meanwhile_counts(alice, binary, begun, change, status):
    """A name that the old bytes don't fit is refused, so the new ones never meet it."""
    connection, rest = begun
    path = f"/files/{binary['id']}"
    change(alice, path)
    record = alice.get(path).json()
    connection.send(rest)
    answer = connection.answer()
    assert answer.status == status
    if status == 409:
        assert answer.json()["code"] == "file_not_available"
        assert alice.get(path).json() | {"request_id": ""} == record | {"request_id": ""}
    else:
        assert answer.json()["folder"] == record["folder"]
        assert alice.get(f"{path}/download").content == LARGE


@pytest.mark.parametrize("hard_delete", [True, False])
def test_a_file_deleted_while_the_first_part_arrives_is_not_written_for(service, alice, registry, binary, hard_delete):
    """Nothing is reserved yet, so nothing but the look at the file tells."""
    with raw_connection(service.port) as connection:
        begin(connection, service, binary, len(LARGE), Expect="100-continue")
        assert connection.go_ahead()
        connection.send(LARGE[:1000])
        alice.delete(f"/files/{binary['id']}", params={"hard_delete": hard_delete})
        connection.send(LARGE[1000 : 10 * MEBIBYTE])
        assert connection.answer().status == (404 if hard_delete else 409)
    reserved = "SELECT count(*) FROM stored_objects WHERE file_id = $1"
    assert registry.rows(reserved, binary["id"]) == [{"count": 1}]


def test_new_bytes_are_judged_by_the_name_that_the_file_got_meanwhile(service, registry, alice, upload):
    content = b"id,name\n" + b"1,Ada\n" * (2 * MEBIBYTE)
    file = upload(b"plain words\n", "notes.txt")
    with raw_connection(service.port) as connection:
        begin(connection, service, file, len(content))
        connection.send(content[: 10 * MEBIBYTE])
        wait_until(lambda: registry.rows(BEGUN, file["id"]))
        assert alice.patch(f"/files/{file['id']}", json={"filename": "table.csv"}).status_code == 200
        connection.send(content[10 * MEBIBYTE :])
        assert connection.answer().json()["content_type"] == "text/csv"


def test_a_file_that_was_given_away_meanwhile_is_not_changed(admin, bob, binary, begun):
    connection, rest = begun
    admin.patch(f"/files/{binary['id']}", json={"owner_id": "bob"})
    connection.send(rest)
    assert connection.answer().status == 404
    assert bob.get(f"/files/{binary['id']}").json()["checksum_sha256"] == binary["checksum_sha256"]


def test_if_match_is_compared_again_when_the_bytes_are_there(service, registry, alice, bucket, binary):
    with raw_connection(service.port) as connection:
        begin(connection, service, binary, len(LARGE), **{"If-Match": '"v1"'})
        connection.send(LARGE[: 10 * MEBIBYTE])
        wait_until(lambda: registry.rows(BEGUN, binary["id"]))
        changed = alice.patch(f"/files/{binary['id']}", json={"folder": "moved"}).json()
        connection.send(LARGE[10 * MEBIBYTE :])
        answer = connection.answer()
    assert (answer.status, answer.json()["code"]) == (412, "precondition_failed")
    assert is_as_before(alice, bucket, changed)


def test_of_many_replacements_with_the_same_if_match_one_wins(service, alice, binary):
    def send(number):
        with service.client("alice") as client:
            return replace(client, binary, b"\xff%d" % number, headers={"If-Match": '"v1"'})

    answers = at_once(*(partial(send, number) for number in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412, 412]
    [winner] = [number for number, answer in enumerate(answers) if answer.status_code == 200]
    assert alice.get(f"/files/{binary['id']}/download").content == b"\xff%d" % winner


def test_replacements_without_if_match_follow_one_another(service, alice, bucket, binary):
    keys = bucket.keys()

    def send(number):
        with service.client("alice") as client:
            return replace(client, binary, b"\xff%d" % number).json()

    files = at_once(*(partial(send, number) for number in range(6)))
    assert sorted(file["version"] for file in files) == [2, 3, 4, 5, 6, 7]
    [last] = [number for number, file in enumerate(files) if file["version"] == 7]
    assert alice.get(f"/files/{binary['id']}/download").content == b"\xff%d" % last
    wait_until(lambda: bucket.keys() == keys - {binary["s3_key"]} | {files[last]["s3_key"]})


def test_replacements_racing_a_hard_delete_leave_nothing(service, alice, binary):
    def send(number):
        with service.client("alice") as client:
            return replace(client, binary, b"\xff%d" % number).status_code

    def delete():
        with service.client("alice") as client:
            return client.delete(f"/files/{binary['id']}", params={"hard_delete": True}).status_code

    statuses = at_once(delete, *(partial(send, number) for number in range(5)))
    assert statuses[0] == 204
    assert set(statuses[1:]) <= {200, 404, 409}
    assert alice.get(f"/files/{binary['id']}").status_code == 404


@pytest.mark.parametrize(
    ("route", "asks", "seen"),
    [
        ("download", "GET", lambda answer: answer.content == b"\xffnew"),
        ("metadata", "HEAD", lambda answer: answer.json()["file_size"] == 4),
        ("exists", "HEAD", lambda answer: answer.json() == {"exists": True, "in_registry": True, "in_store": True}),
    ],
)
def test_a_reader_that_finds_its_object_gone_looks_at_the_record_again(start_service, parts, bucket, route, asks, seen):
    """Between its look at the record and its question to the store the bytes are replaced; that is no lost file."""
    with (
        faulty_store(parts["S3_ENDPOINT_URL"]) as proxy,
        start_service(store={"endpoint_url": proxy.endpoint_url}) as service,
        service.client("alice") as client,
        service.client("alice") as other,
    ):
        file = client.put("/files/raw/data.bin", content=b"\xffold words").json()
        proxy.stall_after(0, direction="up", matching=f"^{asks} .*{file['s3_key']}", times=1)

        def replace_meanwhile():
            assert proxy.stalled.acquire(timeout=10)
            replaced = replace(other, file, b"\xffnew")
            wait_until(lambda: not bucket.has(file["s3_key"]))
            proxy.heal()
            return replaced

        answer, replaced = at_once(lambda: client.get(f"/files/{file['id']}/{route}"), replace_meanwhile)
        assert (answer.status_code, replaced.status_code) == (200, 200)
        assert seen(answer)


FAULTS = {  # name: bytes that pass, direction, which requests
    "cut off while it is sent": (1000, "up", "^PUT "),
    "written, but nobody hears of it": (0, "down", "^PUT "),
    "the end unheard": (0, "down", r"^POST .*uploadId=|^PUT [^?]*$"),
    "gone when it is looked at": (0, "down", "^HEAD "),
}


@pytest.mark.parametrize("content", [b"\xffsmall" * 1000, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_store_that_fails_is_503_and_the_old_bytes_stay(start_service, parts, bucket, content, fault):
    with faulty_store(parts["S3_ENDPOINT_URL"]) as proxy:
        store = {"endpoint_url": proxy.endpoint_url, "read_timeout_seconds": 0.5}
        with start_service(store=store) as service, service.client("alice") as client:
            file = client.put("/files/raw/data.bin", content=b"\xffold").json()
            after_bytes, direction, matching = FAULTS[fault]
            proxy.cut_after(after_bytes, direction=direction, matching=matching)
            answer = replace(client, file, content)
            assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
            proxy.heal()
            assert is_as_before(client, bucket, file)


def test_an_old_object_that_cannot_be_removed_now_is_removed_later(start_service, parts, bucket, own_registry):
    with faulty_store(parts["S3_ENDPOINT_URL"]) as proxy:
        store = {"endpoint_url": proxy.endpoint_url, "read_timeout_seconds": 0.5}
        alone = {"database": {"url": own_registry.dsn}}
        with start_service(store=store, **alone) as service, service.client("alice") as client:
            file = client.put("/files/raw/data.bin", content=b"\xffold").json()
            proxy.cut_after(0, direction="up", matching="^DELETE ")
            assert replace(client, file, b"\xffnew").status_code == 200
            assert client.get(f"/files/{file['id']}/download").content == b"\xffnew"
            assert bucket.has(file["s3_key"])
            proxy.heal()
            wait_until(lambda: not bucket.has(file["s3_key"]))
            state = "SELECT state FROM stored_objects WHERE key = $1"
            wait_until(lambda: own_registry.rows(state, file["s3_key"]) == [{"state": "removed"}])
            client.delete(f"/files/{file['id']}", params={"hard_delete": True})
            wait_until(lambda: own_registry.rows("SELECT 1 FROM outbox") == [])


def test_a_writer_that_died_leaves_the_old_bytes_and_its_own_are_removed(
    start_service, registry, bucket, upload, alice
):
    """What a process that is gone has left: a reserved object whose lease runs out."""
    file, left = upload(OLD), f"left-by-the-dead/{uuid4()}"
    registry.rows(
        "INSERT INTO stored_objects (id, key, file_id, role, state, lease_token, lease_expires_at)"
        " VALUES ($1, $2, $3, 'content', 'reserved', $1, now() + interval '1 second')",
        uuid4(),
        left,
        file["id"],
    )
    bucket.client.put_object(Bucket=bucket.name, Key=left, Body=b"half")
    with start_service(upload={"cleanup_interval_seconds": 0.1}):
        wait_until(lambda: not bucket.has(left))
    assert is_as_before(alice, bucket, file)
