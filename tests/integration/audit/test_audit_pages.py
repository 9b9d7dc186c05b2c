"""Reading the journal: by admins alone, by each filter, page by page while others write."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.support.journal import entries

NOBODYS = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
def story(service):
    """A caller of the test's own, and what it did: a file made, changed, deleted."""
    caller = f"caller-{uuid4().hex}"
    with service.client(caller) as client:
        file = client.put("/files/raw/a.txt", content=b"four").json()
        client.patch(f"/files/{file['id']}", json={"folder": "a"})
        client.delete(f"/files/{file['id']}")
        yield caller, file["id"]


def test_only_admins_read_it(alice, anonymous, admin, service):
    assert admin.get("/audit").status_code == 200
    refused = alice.get("/audit", params={"owner_id": "alice"})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert anonymous.get("/audit").status_code == 401
    with service.client("alice", scopes=set()) as scopeless:
        assert scopeless.get("/audit").status_code == 403


def test_an_entry_has_all_that_is_known(story, admin):
    caller, file_id = story
    answer = admin.get("/audit", params={"file_id": file_id, "limit": 1})
    assert answer.headers["Cache-Control"] == "private, no-store"
    [entry] = answer.json()["items"]
    assert abs(datetime.fromisoformat(entry.pop("at")) - datetime.now(UTC)) < timedelta(minutes=5)
    assert entry.pop("id")
    assert entry.pop("request_id")
    assert entry == {
        "actor_kind": "user",
        "actor": caller,
        "api_key_id": None,
        "address": "127.0.0.1",
        "action": "file.delete",
        "file_id": file_id,
        "owner_id": caller,
        "result": "ok",
        "details": {},
    }


def test_each_filter_finds_what_it_says(story, admin):
    caller, file_id = story
    mine = entries(admin, actor=caller)
    assert [each["action"] for each in mine] == ["file.upload", "file.update", "file.delete"]
    assert entries(admin, file_id=file_id) == entries(admin, owner_id=caller) == mine
    assert entries(admin, actor=caller, action="file.update") == mine[1:2]
    assert mine[2] in entries(admin, action="file.delete")
    assert entries(admin, actor=caller, result="ok") == mine
    assert entries(admin, actor=caller, result="denied") == []
    assert entries(admin, actor=caller, created_after=mine[1]["at"]) == mine[1:]
    assert entries(admin, actor=caller, created_before=mine[1]["at"]) == mine[:1]
    between = {"created_after": mine[1]["at"], "created_before": mine[2]["at"]}
    assert entries(admin, actor=caller, **between) == mine[1:2]
    assert entries(admin, file_id=NOBODYS) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("actor", ""), ("actor", "a" * 256), ("actor", "a\x00b"), ("action", "file.read"), ("file_id", "1"),
        ("owner_id", ""), ("result", "perhaps"), ("created_after", "yesterday"),
        ("created_after", "2026-01-01T00:00:00"), ("created_before", "9999-12-31T23:00:00-14:00"),
        ("limit", "0"), ("limit", "1001"), ("cursor", "not one"), ("owner", "alice"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(admin, field, value):
    answer = admin.get("/audit", params={field: value})
    assert (answer.status_code, answer.json()["code"]) == (
        422, "invalid_cursor" if field == "cursor" else "validation_error",
    )  # fmt: skip


def test_a_cursor_fits_its_own_query_and_caller_only(story, admin, service):
    caller, file_id = story
    cursor = admin.get("/audit", params={"actor": caller, "limit": 1}).json()["next_cursor"]
    for query in ({}, {"file_id": file_id}, {"actor": caller, "result": "ok"}):
        answer = admin.get("/audit", params={**query, "cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")
    with service.client("another", scopes={"files:admin"}) as other:
        assert other.get("/audit", params={"actor": caller, "cursor": cursor}).status_code == 422


def test_pages_are_linked_and_the_last_one_says_so(story, admin, service):
    caller, _ = story
    first = admin.get("/audit", params={"actor": caller, "limit": 2})
    assert len(first.json()["items"]) == 2
    assert first.links["next"]["url"].startswith("/api/v1/audit?")
    second = admin.get(f"{service.base_url}{first.links['next']['url']}")
    assert (len(second.json()["items"]), second.json()["next_cursor"], second.links) == (1, None, {})


def test_pages_skip_and_repeat_nothing_while_others_write(registry, admin):
    """Case 79: with many entries of one moment, too."""
    actor = f"writer-{uuid4().hex}"
    some = (
        "INSERT INTO audit_entries (id, at, actor_kind, actor, action, result)"
        " SELECT gen_random_uuid(), date_trunc('second', now()) - make_interval(secs => n / 10),"
        "        'user', $1, 'file.upload', 'ok' FROM generate_series(1, $2) AS n"
    )
    registry.rows(some, actor, 100)
    before = {str(row["id"]) for row in registry.rows("SELECT id FROM audit_entries WHERE actor = $1", actor)}
    is_over = threading.Event()

    def write() -> None:
        while not is_over.is_set():
            registry.rows(some, actor, 3)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen, cursor = [], {}
        while cursor is not None:
            page = admin.get("/audit", params={"actor": actor, "limit": 7, **cursor}).json()
            seen += [each["id"] for each in page["items"]]
            cursor = None if page["next_cursor"] is None else {"cursor": page["next_cursor"]}
    finally:
        is_over.set()
        writer.join()
    assert len(seen) == len(set(seen))
    assert before <= set(seen)
