"""Quotas: what counts for whom, and what is refused.

That the counters are what the registry holds is checked after every test by the fixture `agreement`.
"""

from __future__ import annotations

from uuid import uuid4

import pytest

from app.config import MEBIBYTE
from tests.support.quotas import LARGE, NOTHING, is_refused, send_raw, usage, used
from tests.support.raw_http import FORM_END, FORM_TYPE, form_part, raw_connection
from tests.support.service import wait_until
from tests.support.states import hard_delete


def count_objects(registry, owner: str) -> int:
    return len(registry.rows("SELECT 1 FROM stored_objects WHERE held_for = $1", owner))


def test_who_has_nothing_is_told_so(roomy, owner):
    assert roomy.get("/usage").json() == {"owner_id": owner, **NOTHING, "max_bytes": None, "max_files": None}


def test_files_count_until_they_are_deleted_for_good(roomy, registry):
    first, second = send_raw(roomy, b"x" * 1000).json(), send_raw(roomy, b"x" * 10).json()
    assert usage(roomy) == used(1010, 2)
    assert roomy.delete(f"/files/{first['id']}").status_code == 204
    assert usage(roomy) == used(1010, 2), "soft-deleted files still count"
    hard_delete(roomy, registry, first)
    assert usage(roomy) == used(10, 1)
    hard_delete(roomy, registry, second)
    assert usage(roomy) == NOTHING


def test_a_full_quota_of_bytes_takes_not_one_more(limited, registry):
    with limited(max_bytes=1000) as client:
        kept = send_raw(client, b"x" * 400).json()
        assert is_refused(send_raw(client, b"x" * 601))
        assert send_raw(client, b"x" * 600).status_code == 201
        assert is_refused(send_raw(client, b"x"))
        hard_delete(client, registry, kept)
        assert send_raw(client, b"x" * 400).status_code == 201
        assert usage(client) == used(1000, 2)


def test_a_full_quota_of_files_takes_no_other(limited, registry):
    with limited(max_files=2) as client:
        files = [send_raw(client, b"x").json() for _ in range(2)]
        assert is_refused(send_raw(client, b"x"))
        assert client.post("/files/uploads", json=wish(1)).json()["code"] == "quota_exceeded"
        assert is_refused(client.post(f"/files/{files[0]['id']}/copy"))
        hard_delete(client, registry, files[0])
        assert send_raw(client, b"x").status_code == 201


def wish(size_bytes: int, **more) -> dict:
    return {"filename": "data.bin", "content_type": "application/octet-stream", "file_size": size_bytes, **more}


def test_what_is_refused_is_never_begun(limited, registry, bucket, owner):
    with limited(max_bytes=9 * MEBIBYTE) as client:
        before = bucket.all_keys()
        for answer in (
            send_raw(client, LARGE),
            client.post("/files/upload", files={"file": ("data.bin", LARGE)}),
            client.post("/files/uploads", json=wish(len(LARGE))),
            client.post("/files/uploads", json=wish(len(LARGE), method="multipart")),
            client.post("/files/uploads", json=wish(len(LARGE)), headers={"Idempotency-Key": "once"}),
        ):
            assert is_refused(answer), answer.text
            assert "soft-deleted" in answer.json()["detail"]
        assert count_objects(registry, owner) == 0
        assert bucket.all_keys() - before == set()
        assert usage(client) == NOTHING


def test_a_key_that_was_refused_for_want_of_room_may_come_again(limited, registry):
    with limited(max_bytes=1000) as client:
        full = send_raw(client, b"x" * 1000).json()
        key = {"Idempotency-Key": uuid4().hex}
        assert is_refused(send_raw(client, b"y" * 10, headers=key))
        hard_delete(client, registry, full)
        made = [send_raw(client, b"y" * 10, headers=key) for _ in range(2)]
        assert [each.status_code for each in made] == [201, 201]
        assert usage(client) == used(10, 1), "what is sent twice counts once"


def test_a_replacement_needs_room_for_both_but_no_other_file(limited):
    with limited(max_bytes=1000, max_files=1) as client:
        file = send_raw(client, b"x" * 600).json()
        path = f"/files/{file['id']}"
        assert is_refused(client.put(f"{path}/content", content=b"y" * 401))
        assert client.get(f"{path}/download").content == b"x" * 600
        assert client.put(f"{path}/content", content=b"y" * 400).status_code == 200
        assert usage(client) == used(400, 1)


def test_copies_count_like_uploads(limited):
    with limited(max_bytes=1000) as client:
        files = [send_raw(client, b"x" * 100).json() for _ in range(4)]
        batch = {"operation": "copy", "ids": [file["id"] for file in files]}
        assert [each["status"] for each in client.post("/files/batch", json=batch).json()["results"]] == [201] * 4
        results = client.post("/files/batch", json=batch).json()["results"]
        assert sorted(each["status"] for each in results) == [201, 201, 413, 413]
        assert {each["error"]["code"] for each in results if "error" in each} == {"quota_exceeded"}
        assert usage(client) == used(1000, 10)


def test_a_file_that_gets_another_owner_counts_for_that_one(roomy, admin, owner):
    file = send_raw(roomy, b"x" * 1000).json()
    heir = f"{owner}-heir"
    assert admin.patch(f"/files/{file['id']}", json={"owner_id": heir}).status_code == 200
    assert usage(roomy) == NOTHING
    assert usage(admin, owner_id=heir) == used(1000, 1)


@pytest.mark.parametrize("patch", [{}, {"filename": "other.bin"}], ids=["alone", "with a name"])
def test_a_file_stays_where_it_is_when_the_new_owner_has_no_room(roomy, admin, owner, patch):
    file = send_raw(roomy, b"x" * 1000).json()
    heir = f"{owner}-heir"
    admin.put(f"/usage/{heir}/limits", json={"max_bytes": 999})
    assert is_refused(admin.patch(f"/files/{file['id']}", json={"owner_id": heir, **patch}))
    assert roomy.get(f"/files/{file['id']}").json() == file
    assert usage(roomy) == used(1000, 1)
    admin.put(f"/usage/{heir}/limits", json={"max_bytes": 1000})
    assert admin.patch(f"/files/{file['id']}", json={"owner_id": heir, **patch}).status_code == 200


def test_an_owner_named_behind_the_file_has_to_have_room_for_it(service, admin, owner):
    body = form_part("file", LARGE, "data.bin") + form_part("owner_id", owner.encode()) + FORM_END
    head = {
        "Authorization": f"Bearer {service.token('root', scopes={'files:admin'})}",
        "Content-Length": str(len(body)),
        "Content-Type": FORM_TYPE,
    }
    for room, status in ((len(LARGE) - 1, 413), (len(LARGE), 201)):
        admin.put(f"/usage/{owner}/limits", json={"max_bytes": room})
        with raw_connection(service.port) as connection:
            connection.send_head("POST", "/api/v1/files/upload", head)
            connection.send(body)
            assert connection.answer().status == status
    assert usage(admin, owner_id=owner) == used(len(LARGE), 1)


def test_what_admins_upload_for_others_counts_for_those(start_service, owner):
    with start_service(quota={"max_files": 1}) as service, service.client("root", scopes={"files:admin"}) as admin:
        for status in (201, 413):
            answer = send_raw(admin, b"x", params={"owner_id": owner})
            assert answer.status_code == status
        assert usage(admin, owner_id=owner) == used(1, 1)


def test_summing_up_changes_nothing_that_is_told(start_service, registry, owner):
    with start_service(upload={"cleanup_interval_seconds": 0.1}) as service, service.client(owner) as client:
        files = [send_raw(client, b"x" * 100).json() for _ in range(3)]
        hard_delete(client, registry, files[0])
        wait_until(lambda: not registry.rows("SELECT 1 FROM usage_changes WHERE owner_id = $1", owner))
        assert usage(client) == used(200, 2)
        assert registry.rows("SELECT bytes FROM owner_usage WHERE owner_id = $1", owner) == [{"bytes": 200}]


def test_an_owner_with_many_changes_is_summed_up_by_its_next_upload(limited, registry, owner):
    with limited(max_files=1000) as client:
        registry.rows("INSERT INTO usage_changes (owner_id) SELECT $1 FROM generate_series(1, 100)", owner)
        assert send_raw(client, b"x").status_code == 201
        assert len(registry.rows("SELECT 1 FROM usage_changes WHERE owner_id = $1", owner)) < 10
        assert usage(client) == used(1, 1)
