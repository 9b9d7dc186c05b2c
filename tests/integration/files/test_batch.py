"""Batches: one operation on many files, one result an id (case 88)."""

from __future__ import annotations

from functools import partial
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from tests.support.faulty_store import faulty_store
from tests.support.races import at_once
from tests.support.service import wait_until


def batch(client, operation, ids, *, headers=None, **fields):
    return client.post("/files/batch", json={"operation": operation, "ids": ids, **fields}, headers=headers)


def results(client, operation, files, **fields) -> list[dict]:
    answer = batch(client, operation, [file["id"] for file in files], **fields)
    assert answer.status_code == 200, answer.text
    found = answer.json()["results"]
    assert [result["id"] for result in found] == [file["id"] for file in files]
    return found


@pytest.fixture
def files(upload):
    return [upload(b"number %d\n" % number, folder="from") for number in range(5)]


def test_many_are_deleted_and_restored(alice, files):
    assert results(alice, "delete", files) == [{"id": file["id"], "status": 204} for file in files]
    assert {alice.get(f"/files/{file['id']}").json()["status"] for file in files} == {"deleted"}
    restored = results(alice, "restore", files)
    for file, result in zip(files, restored, strict=True):
        assert result == {"id": file["id"], "status": 200, "file": alice.get(f"/files/{file['id']}").json()}
        assert (result["file"]["status"], result["file"]["version"]) == ("available", 3)
        assert result["file"]["description"] is None


def test_many_are_removed_for_good(alice, bucket, files):
    assert results(alice, "hard_delete", files) == [{"id": file["id"], "status": 204} for file in files]
    assert {alice.get(f"/files/{file['id']}").status_code for file in files} == {404}
    wait_until(lambda: not {file["s3_key"] for file in files} & bucket.keys())


def test_many_are_moved_without_moving_a_byte(alice, bucket, files):
    keys = bucket.keys()
    for result, file in zip(results(alice, "move", files, folder="to/here"), files, strict=True):
        assert (result["status"], result["file"]["folder"]) == (200, "to/here")
        assert result["file"]["s3_key"] == file["s3_key"]
    assert {result["file"]["folder"] for result in results(alice, "move", files, folder="")} == {""}
    assert bucket.keys() == keys


@pytest.mark.parametrize(("fields", "folder"), [({}, "from"), ({"new_folder": "to"}, "to"), ({"new_folder": ""}, "")])
def test_many_are_copied(alice, files, fields, folder):
    made = results(alice, "copy", files, **fields)
    assert {(result["status"], result["file"]["folder"]) for result in made} == {(201, folder)}
    for result, file in zip(made, files, strict=True):
        assert result["file"]["id"] != file["id"]
        content = alice.get(f"/files/{result['file']['id']}/download").content
        assert content == alice.get(f"/files/{file['id']}/download").content


def test_what_is_wrong_with_one_says_nothing_of_the_others(alice, bob, upload, files):
    private = bob.put("/files/raw/a.txt", content=b"private").json()
    public = bob.put("/files/raw/a.txt", params={"is_public": True}, content=b"public").json()
    deleted = upload(b"deleted")
    alice.delete(f"/files/{deleted['id']}")
    asked = [files[0], private, public, {"id": str(uuid4())}, deleted, files[1]]
    found = results(alice, "move", asked, folder="to")
    assert [result["status"] for result in found] == [200, 404, 403, 404, 409, 200]
    codes = [result.get("error", {}).get("code") for result in found]
    assert codes == [None, "file_not_found", "forbidden", "file_not_found", "file_not_available", None]
    problem = found[1]["error"]
    assert problem.keys() == {"type", "title", "status", "detail", "code", "request_id", "message"}
    assert all(("file" in result) is not ("error" in result) for result in found)
    assert bob.get(f"/files/{public['id']}").json() == public


def test_each_result_is_what_the_same_request_alone_would_be_answered(alice, upload):
    """Deleting again is no error, restoring what is there changes nothing."""
    deleted, available = upload(b"deleted"), upload(b"available")
    alice.delete(f"/files/{deleted['id']}")
    assert [result["status"] for result in results(alice, "delete", [deleted, available])] == [204, 204]
    restored = results(alice, "restore", [deleted, available])
    assert results(alice, "restore", [deleted, available]) == restored
    assert [result["status"] for result in results(alice, "hard_delete", [deleted, available])] == [204, 204]
    assert [result["status"] for result in results(alice, "hard_delete", [deleted, available])] == [404, 404]


def test_a_store_that_fails_for_some_fails_for_some_only(start_service, parts, bucket):
    with faulty_store(parts["S3_ENDPOINT_URL"]) as proxy:
        store = {"endpoint_url": proxy.endpoint_url, "read_timeout_seconds": 0.5}
        with start_service(store=store) as service, service.client("alice") as client:
            names = [f"{word}.txt" for word in ("one", "two", "bad", "four")]
            files = [client.put(f"/files/raw/{name}", content=b"words").json() for name in names]
            keys = bucket.keys()
            proxy.cut_after(0, direction="up", matching=r"^PUT .*_bad\.txt")
            made = results(client, "copy", files)
            proxy.heal()
    assert [result["status"] for result in made] == [201, 201, 503, 201]
    assert made[2]["error"]["code"] == "storage_unavailable"
    assert bucket.keys() - keys == {result["file"]["s3_key"] for result in made if "file" in result}


BREAK = """
    CREATE FUNCTION break_one() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN IF NEW.id = '{id}' THEN RAISE 'nobody foresaw this'; END IF; RETURN NEW; END $$
"""


def test_what_nobody_foresaw_is_one_results_error_too(alice, files, registry):
    """What was done to the other files is told all the same."""
    registry.rows(BREAK.format(id=files[1]["id"]))
    registry.rows("CREATE TRIGGER break_one BEFORE UPDATE ON file_uploads FOR EACH ROW EXECUTE FUNCTION break_one()")
    try:
        with capture_logs() as logged:
            found = results(alice, "move", files, folder="to")
    finally:
        registry.rows("DROP FUNCTION break_one CASCADE")
    assert [result["status"] for result in found] == [200, 500, 200, 200, 200]
    assert found[1]["error"]["code"] == "internal_error"
    assert "foresaw" not in found[1]["error"]["detail"]
    [told] = [entry for entry in logged if entry["event"] == "batch_item_failed"]
    assert (told["file_id"], "foresaw" in str(told["exc_info"])) == (files[1]["id"], True)


def test_a_thousand_at_once_are_answered_in_order(alice, files):
    ids = [str(uuid4()) for _ in range(995)]
    ids[100:100] = [file["id"] for file in files]
    answer = batch(alice, "move", ids, folder="to")
    found = answer.json()["results"]
    assert (answer.status_code, [result["id"] for result in found]) == (200, ids)
    assert [result["id"] for result in found if result["status"] == 200] == [file["id"] for file in files]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"operation": "burn", "ids": [str(uuid4())]}, "body.operation"),
        ({"ids": [str(uuid4())]}, "body.operation"),
        ({"operation": "delete"}, "body.ids"),
        ({"operation": "delete", "ids": []}, "body.ids"),
        ({"operation": "delete", "ids": ["one"]}, "body.ids.0"),
        ({"operation": "delete", "ids": [str(uuid4()) for _ in range(1001)]}, "body.ids"),
        ({"operation": "delete", "ids": ["0192f3c4-0000-7000-8000-000000000000"] * 2}, "body.ids"),
        ({"operation": "move", "ids": [str(uuid4())]}, "body.folder"),
        ({"operation": "delete", "ids": [str(uuid4())], "folder": "a"}, "body.folder"),
        ({"operation": "copy", "ids": [str(uuid4())], "folder": "a"}, "body.folder"),
        ({"operation": "restore", "ids": [str(uuid4())], "new_folder": None}, "body.new_folder"),
        ({"operation": "move", "ids": [str(uuid4())], "folder": "a", "new_folder": "b"}, "body.new_folder"),
        ({"operation": "hard_delete", "ids": [str(uuid4())], "colour": "red"}, "body.colour"),
    ],
)
def test_a_wrong_batch_is_refused_as_a_whole_by_the_name_of_the_field(alice, body, field):
    answer = alice.post("/files/batch", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(("operation", "field"), [("move", "folder"), ("copy", "new_folder")])
def test_a_folder_that_is_none_is_refused_as_a_whole(alice, files, operation, field):
    answer = batch(alice, operation, [files[0]["id"]], **{field: "../up"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_folder")


@pytest.mark.parametrize("operation", ["delete", "hard_delete", "restore", "move", "copy"])
def test_who_may_not_change_files_is_told_so_once(service, anonymous, bob, files, operation):
    fields = {"folder": "a"} if operation == "move" else {}
    ids = [file["id"] for file in files]
    assert batch(anonymous, operation, ids, **fields).status_code == 401
    with service.client("alice", scopes={"files:read"}) as reader:
        assert batch(reader, operation, ids, **fields).status_code == 403
    assert {result["status"] for result in results(bob, operation, files, **fields)} == {404}


def test_copies_need_both_scopes(service, files):
    with service.client("alice", scopes={"files:write"}) as writer:
        assert batch(writer, "copy", [files[0]["id"]]).status_code == 403
        assert batch(writer, "move", [files[0]["id"]], folder="a").status_code == 200


def test_an_admin_changes_everybodys_files(admin, bob, files):
    other = bob.put("/files/raw/a.txt", content=b"private").json()
    assert {result["status"] for result in results(admin, "delete", [*files, other])} == {204}


def test_copies_that_come_again_with_their_key_are_made_once(alice, bucket, files):
    key = {"Idempotency-Key": uuid4().hex}
    made = results(alice, "copy", files[:3], headers=key)
    keys = bucket.keys()
    assert results(alice, "copy", files[:3], headers=key) == made
    assert bucket.keys() == keys
    more = results(alice, "copy", files, headers=key)
    assert more[:3] == made
    assert len(bucket.keys() - keys) == 2
    other = results(alice, "copy", files[:1], headers=key, new_folder="other")
    assert (other[0]["status"], other[0]["error"]["code"]) == (409, "idempotency_key_reused")
    single = alice.post(f"/files/{files[0]['id']}/copy", headers=key)
    assert single.json()["id"] != made[0]["file"]["id"]


def test_the_same_batch_from_many_at_once_does_each_thing_once(service, bucket, files):
    key = {"Idempotency-Key": uuid4().hex}
    before = bucket.keys()

    def send(_):
        with service.client("alice") as client:
            return results(client, "copy", files, headers=key)

    answers = at_once(*(partial(send, number) for number in range(3)))
    by_file = {}
    for result in (each for answer in answers for each in answer):
        assert result["status"] in {201, 409}
        if result["status"] == 201:
            by_file.setdefault(result["id"], set()).add(result["file"]["id"])
    assert {len(made) for made in by_file.values()} == {1}
    assert len(bucket.keys() - before) == len(files)


def test_batches_that_meet_neither_wait_in_a_ring_nor_fail(service, files):
    def send(operation):
        with service.client("alice") as client:
            ids = files if operation == "delete" else files[::-1]
            return {result["status"] for result in results(client, operation, ids)}

    for answer in at_once(*(partial(send, operation) for operation in ("delete", "restore", "delete", "restore"))):
        assert answer <= {200, 204}
