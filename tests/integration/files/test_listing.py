"""Listings: pages that neither repeat nor skip, cursors that fit one query only."""

from __future__ import annotations

import base64
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tests.support.listings import ids, walk
from tests.support.states import set_column
from tests.support.stores import Registry

SORTS = ("created_at", "-created_at", "filename", "-filename", "file_size", "-file_size")


def written_at_once(registry: Registry, file_ids: list[str]) -> list[str]:
    """Give files the same time; returns them in the order of a listing."""
    moment = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for file_id in file_ids:
        set_column(registry, file_id, "created_at", moment)
    return sorted(file_ids, reverse=True)


def test_a_listing_is_newest_first_and_holds_whole_records(lister, add):
    made = [add() for _ in range(3)]
    assert ids(lister) == made[::-1]
    [first, *_] = lister.get("/files").json()["items"]
    assert first == lister.get(f"/files/{first['id']}").json()


@pytest.mark.parametrize("sort", SORTS)
def test_pages_of_files_that_equal_each_other_hold_each_once(lister, add, registry, sort):
    """Case 79: a tie is broken by the id, in the direction of the sort."""
    newest_first = written_at_once(registry, [add() for _ in range(7)])
    expected = newest_first if sort.startswith("-") else newest_first[::-1]
    for limit in (1, 2, 3, 7):
        assert [item["id"] for item in walk(lister, limit=limit, sort=sort)] == expected


@pytest.mark.parametrize("sort", SORTS)
def test_pages_neither_repeat_nor_skip_while_files_come_and_go(lister, add, registry, sort):
    """Case 79: inserts before and behind the cursor, deletions of the very file it names, all with equal keys."""
    files = written_at_once(registry, [add() for _ in range(8)])
    if not sort.startswith("-"):
        files.reverse()
    coming_and_going = [files[1], files[5]]

    def meanwhile():
        written_at_once(registry, [add()])
        if coming_and_going:
            lister.delete(f"/files/{coming_and_going.pop(0)}")

    found = [item["id"] for item in walk(lister, meanwhile, limit=2, sort=sort)]
    stayed = [file_id for file_id in files if file_id not in {files[1], files[5]}]
    assert [file_id for file_id in found if file_id in stayed] == stayed
    assert files[5] not in found
    assert len(found) == len(set(found))


@pytest.mark.parametrize("sort", SORTS)
def test_pages_hold_out_against_others_that_write_all_the_time(lister, add, registry, sort):
    """Case 79: not between two pages, but whenever; the files share times, names and sizes."""
    stayed = written_at_once(registry, [add(f"{number % 3}.txt", b"x" * (1 + number % 2)) for number in range(9)])
    is_over = threading.Event()

    def write():
        while not is_over.is_set():
            [made] = written_at_once(registry, [add(f"{len(stayed) % 3}.txt", b"x")])
            lister.delete(f"/files/{made}", params={"hard_delete": True})

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            for _ in range(3):
                found = [item["id"] for item in walk(lister, limit=2, sort=sort)]
                assert len(found) == len(set(found))
                assert set(stayed) <= set(found)
        finally:
            is_over.set()
            writing.result(30)


def test_a_page_that_is_just_full_is_the_last(lister, add):
    for _ in range(2):
        add()
    page = lister.get("/files", params={"limit": 2})
    assert page.json()["next_cursor"] is None
    assert "Link" not in page.headers


def test_the_link_header_leads_to_the_next_page(lister, add, service):
    made = [add(folder="büro/ä b") for _ in range(3)]
    first = lister.get("/files", params={"limit": 2, "folder": "büro/ä b"})
    following = lister.get(f"{service.base_url}{first.links['next']['url']}")
    assert following.status_code == 200
    assert [item["id"] for item in following.json()["items"]] == made[:1]
    assert "next" not in following.links


def test_a_page_may_have_another_size_than_the_one_before(lister, add):
    made = [add() for _ in range(3)]
    cursor = lister.get("/files", params={"limit": 1}).json()["next_cursor"]
    assert ids(lister, limit=5, cursor=cursor) == made[1::-1]


@pytest.mark.parametrize(
    "other",
    [
        {"folder": "a"},
        {"prefix": "a"},
        {"q": "notes"},
        {"content_type": "text/plain"},
        {"status": "deleted"},
        {"is_public": False},
        {"created_after": "2020-01-01T00:00:00Z"},
        {"created_before": "2120-01-01T00:00:00Z"},
        {"min_size": 0},
        {"max_size": 100},
        {"metadata": "{}"},
        {"sort": "created_at"},
        {"sort": "-filename"},
    ],
)
def test_a_cursor_of_another_query_is_refused(lister, add, other):
    for _ in range(2):
        add()
    cursor = lister.get("/files", params={"limit": 1}).json()["next_cursor"]
    answer = lister.get("/files", params={"limit": 1, "cursor": cursor, **other})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


def test_a_cursor_of_another_caller_is_refused(lister, add, alice, admin):
    for _ in range(2):
        add()
    cursor = lister.get("/files", params={"limit": 1}).json()["next_cursor"]
    for other in (alice, admin):
        assert other.get("/files", params={"limit": 1, "cursor": cursor}).json()["code"] == "invalid_cursor"


@pytest.mark.parametrize(
    "damage",
    [
        lambda cursor: cursor[:-4],
        lambda cursor: "A" + cursor[1:] if cursor[0] != "A" else "B" + cursor[1:],
        lambda _: base64.urlsafe_b64encode(b'[1,"2026-01-01T00:00:00+00:00","0"]').decode(),
        lambda _: "x",
        lambda _: "ä" * 20,
        lambda _: "!" * 40,
    ],
)
def test_a_damaged_cursor_is_refused(lister, add, damage):
    for _ in range(2):
        add()
    cursor = lister.get("/files", params={"limit": 1}).json()["next_cursor"]
    answer = lister.get("/files", params={"limit": 1, "cursor": damage(cursor)})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"status": "lost"}, "status"),
        ({"foldr": "a"}, "foldr"),
        ({"offset": 10}, "offset"),
        ({"content_type": "x" * 256}, "content_type"),
        ({"q": ""}, "q"),
        ({"q": "x" * 256}, "q"),
        ({"q": "a\0b"}, "q"),
        ({"is_public": "perhaps"}, "is_public"),
        ({"created_after": "2026-01-01T00:00:00"}, "created_after"),
        ({"created_before": "yesterday"}, "created_before"),
        ({"created_after": "0001-01-01T00:00:00+14:00"}, "created_after"),
        ({"created_before": "9999-12-31T23:59:59-10:00"}, "created_before"),
        ({"min_size": -1}, "min_size"),
        ({"max_size": 2**63}, "max_size"),
        ({"sort": "owner_id"}, "sort"),
        ({"sort": "+filename"}, "sort"),
    ],
)
def test_a_wrong_or_unknown_parameter_is_refused_by_name(lister, query, field):
    answer = lister.get("/files", params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert [error["field"] for error in answer.json()["errors"]] == [f"query.{field}"]


def test_a_listing_of_nothing_is_an_empty_page(lister):
    assert lister.get("/files", params={"limit": 1000}).json() == {"items": [], "next_cursor": None}


def test_every_parameter_of_a_listing_is_described(service):
    for path in ("/api/v1/files", "/api/v1/files/folders"):
        parameters = service.app.openapi()["paths"][path]["get"]["parameters"]
        assert [parameter["name"] for parameter in parameters if not parameter.get("description")] == []
        assert {"limit", "cursor", "owner_id"} <= {parameter["name"] for parameter in parameters}


def test_the_first_and_the_last_of_times_are_times(lister, add):
    made = add()
    assert ids(lister, created_after="0001-01-01T00:00:00Z", created_before="9999-12-31T23:59:59.999999Z") == [made]
