"""Quotas: what counts for whom and from when, and what is refused.

That the counters are what the registry holds is checked after every test by the fixture `agreement`.
"""

from __future__ import annotations

from contextlib import contextmanager
from uuid import uuid4

import pytest

from app.config import MEBIBYTE
from tests import samples
from tests.support.content import noise
from tests.support.direct import begin, complete, put, send
from tests.support.processes import serving
from tests.support.raw_http import FORM_END, FORM_TYPE, form_part, raw_connection
from tests.support.service import wait_until
from tests.support.states import hard_delete

LARGE = noise(10 * MEBIBYTE)
NOTHING = {"bytes": 0, "files": 0, "reserved_bytes": 0, "reserved_files": 0}


@pytest.fixture
def owner():
    """The name of one who has no file yet."""
    return f"owner-{uuid4().hex}"


@pytest.fixture
def limited(start_service, owner):
    """A client of that owner's, of a service with these limits: `with limited(max_bytes=1000) as client`."""

    @contextmanager
    def start(**quota):
        with start_service(quota=quota) as service, service.client(owner) as client:
            yield client

    return start


@pytest.fixture
def roomy(service, owner):
    """The same, where nothing is limited."""
    with service.client(owner) as client:
        yield client


def usage(client, **query) -> dict:
    """The four counters."""
    shown = client.get("/usage", params=query)
    assert shown.status_code == 200, shown.text
    return {name: value for name, value in shown.json().items() if name in NOTHING}


def used(size_bytes: int, files: int, reserved_bytes: int = 0, reserved_files: int = 0) -> dict:
    return dict(zip(NOTHING, (size_bytes, files, reserved_bytes, reserved_files), strict=True))


def send_raw(client, content: bytes, name: str = "data.bin", **options):
    return client.put(f"/files/raw/{name}", content=content, **options)


def is_refused(answer) -> bool:
    return (answer.status_code, answer.json()["code"]) == (413, "quota_exceeded")


def count_objects(registry, owner: str) -> int:
    return len(registry.rows("SELECT 1 FROM stored_objects WHERE held_for = $1", owner))


@contextmanager
def half_sent(port: int, token: str, path: str, *, length: int | None = len(LARGE)):
    """A connection that has sent most of LARGE, and the bytes that are still to come."""
    with raw_connection(port) as connection:
        framing = {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": str(length)}
        connection.send_head("PUT", f"/api/v1{path}", {"Authorization": f"Bearer {token}", **framing})
        most = 9 * MEBIBYTE
        (connection.send_chunk if length is None else connection.send)(LARGE[:most])
        yield connection, LARGE[most:]


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


@pytest.mark.parametrize("method", ["put", "post", "multipart"])
def test_a_direct_upload_counts_from_its_beginning(roomy, methods, method):
    if method not in methods:
        return
    content = samples.pdf()
    upload = begin(roomy, content, "report.pdf", method=method)
    assert usage(roomy) == used(0, 0, len(content), 1)
    send(roomy, upload, content)
    assert complete(roomy, upload).status_code == 200
    assert usage(roomy) == used(len(content), 1)


def test_an_aborted_upload_gives_its_room_back(limited):
    with limited(max_bytes=1000) as client:
        upload = begin(client, b"x" * 1000, "data.bin")
        assert is_refused(send_raw(client, b"x"))
        assert client.delete(f"/files/uploads/{upload['file']['id']}").status_code == 204
        assert send_raw(client, b"x").status_code == 201


def test_a_rejected_file_counts_for_nothing(roomy):
    html = b"<html><script>alert(1)</script></html>"
    upload = begin(roomy, html, "picture.png")
    put(upload, html)
    assert complete(roomy, upload).json()["code"] == "upload_rejected"
    assert usage(roomy) == NOTHING
    assert roomy.delete(f"/files/{upload['file']['id']}", params={"hard_delete": True}).status_code == 204
    assert usage(roomy) == NOTHING


def test_an_upload_that_nobody_completes_gives_its_room_back(start_service, registry, owner):
    with start_service(upload={"cleanup_interval_seconds": 0.1}) as service, service.client(owner) as client:
        upload = begin(client, b"x" * 1000, "data.bin")
        assert usage(client) == used(0, 0, 1000, 1)
        registry.rows(
            "UPDATE stored_objects SET lease_expires_at = now(), url_expires_at = now() WHERE file_id = $1",
            upload["file"]["id"],
        )
        wait_until(lambda: usage(client) == NOTHING)


def test_a_declared_length_is_what_is_held(service, roomy, owner):
    with half_sent(service.port, service.token(owner), "/files/raw/data.bin") as (connection, rest):
        wait_until(lambda: usage(roomy) == used(0, 0, len(LARGE), 1))
        connection.send(rest)
        assert connection.answer().status == 201
    assert usage(roomy) == used(len(LARGE), 1)


def test_an_unknown_length_holds_the_most_that_may_come(service, roomy, owner):
    most = service.settings.store.max_file_size_bytes
    with half_sent(service.port, service.token(owner), "/files/raw/data.bin", length=None) as (connection, rest):
        wait_until(lambda: usage(roomy) == used(0, 0, most, 1))
        connection.send_chunk(rest)
        connection.send(b"0\r\n\r\n")
        assert connection.answer().status == 201
    assert usage(roomy) == used(len(LARGE), 1)


def test_an_unknown_length_that_was_read_whole_holds_no_more_than_it_is(limited):
    with limited(max_bytes=10) as client:
        assert send_raw(client, iter([b"x" * 4, b"y" * 4])).status_code == 201
        assert usage(client) == used(8, 1)


def test_a_client_that_goes_away_gives_its_room_back(service, roomy, owner):
    with half_sent(service.port, service.token(owner), "/files/raw/data.bin"):
        wait_until(lambda: usage(roomy)["reserved_files"] == 1)
    wait_until(lambda: usage(roomy) == NOTHING)


def test_a_killed_process_gives_its_room_back(start_service, owner):
    with (
        start_service(upload={"cleanup_interval_seconds": 0.1}) as service,
        serving(service.settings, S3_ALLOWED_EXTENSIONS="bin", UPLOAD_LEASE_SECONDS="1") as process,
        service.client(owner) as client,
    ):
        with half_sent(process.port, service.token(owner), "/files/raw/data.bin"):
            wait_until(lambda: usage(client) == used(0, 0, len(LARGE), 1))
            process.child.kill()
        wait_until(lambda: usage(client) == NOTHING)


def test_old_and_new_bytes_count_until_the_flip(service, roomy, owner):
    file = send_raw(roomy, b"x" * 1000).json()
    with half_sent(service.port, service.token(owner), f"/files/{file['id']}/content") as (connection, rest):
        wait_until(lambda: usage(roomy) == used(1000, 1, len(LARGE), 0))
        connection.send(rest)
        assert connection.answer().status == 200
    assert usage(roomy) == used(len(LARGE), 1)


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


def test_a_replacement_on_its_way_goes_to_the_new_owner_with_its_file(service, roomy, admin, owner):
    file = send_raw(roomy, b"x" * 1000).json()
    heir, path = f"{owner}-heir", f"/files/{file['id']}"
    with half_sent(service.port, service.token("root", scopes={"files:admin"}), f"{path}/content") as (sending, rest):
        wait_until(lambda: usage(roomy) == used(1000, 1, len(LARGE), 0))
        admin.put(f"/usage/{heir}/limits", json={"max_bytes": len(LARGE)})
        assert is_refused(admin.patch(path, json={"owner_id": heir})), "what is on its way needs room there, too"
        admin.put(f"/usage/{heir}/limits", json={"max_bytes": len(LARGE) + 1000})
        assert admin.patch(path, json={"owner_id": heir}).status_code == 200
        assert usage(roomy) == NOTHING
        assert usage(admin, owner_id=heir) == used(1000, 1, len(LARGE), 0)
        sending.send(rest)
        assert sending.answer().status == 200
    assert usage(admin, owner_id=heir) == used(len(LARGE), 1)


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
