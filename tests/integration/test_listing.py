"""Listings: filters, pages that neither repeat nor skip, cursors that fit one query only."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from tests.samples import pdf, png
from tests.support.states import set_column
from tests.support.stores import Registry


@pytest.fixture
def lister(service):
    """A caller who has no file yet."""
    with service.client(f"lister-{uuid4().hex}") as client:
        yield client


@pytest.fixture
def add(lister):
    """Upload a file of the lister's; returns its id."""

    def upload(filename: str = "notes.txt", content: bytes = b"listed", **fields) -> str:
        answer = lister.post("/files/upload", files={"file": (filename, content)}, data=fields)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    return upload


def ids(client, **query) -> list[str]:
    answer = client.get("/files", params=query)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def walk(client, between_pages=lambda: None, **query) -> list[str]:
    """All ids, page by page."""
    found, cursor = [], None
    while True:
        page = client.get("/files", params=query | ({"cursor": cursor} if cursor else {})).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
        between_pages()


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


def test_pages_of_files_written_at_once_hold_each_once(lister, add, registry):
    """Case 79: a tie on the time is broken by the id."""
    expected = written_at_once(registry, [add() for _ in range(7)])
    for limit in (1, 2, 3, 7):
        assert walk(lister, limit=limit) == expected


def test_pages_neither_repeat_nor_skip_while_files_come_and_go(lister, add, registry):
    """Case 79: inserts before and behind the cursor, a deletion on the page before, all with one time."""
    files = written_at_once(registry, [add() for _ in range(6)])
    gone = [files[0]]

    def meanwhile():
        written_at_once(registry, [add()])
        if gone:
            lister.delete(f"/files/{gone.pop()}")

    found = walk(lister, meanwhile, limit=2)
    assert [file_id for file_id in found if file_id in files] == files
    assert len(found) == len(set(found))


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
    "other", [{"folder": "a"}, {"prefix": "a"}, {"content_type": "text/plain"}, {"status": "deleted"}]
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


def test_folder_is_exact_and_prefix_takes_what_lies_below(lister, add):
    """Case 80: an underscore is a letter here, not a wildcard; case counts."""
    made = {folder: add(folder=folder) for folder in ("", "a_b", "a_b/c", "axb", "axb/c", "a_bc", "A_B", "z/a_b")}
    assert ids(lister, folder="a_b") == [made["a_b"]]
    assert ids(lister, folder="") == [made[""]]
    assert set(ids(lister, prefix="a_b")) == {made["a_b"], made["a_b/c"]}
    assert ids(lister, prefix="a_b/c") == [made["a_b/c"]]
    assert ids(lister, prefix="none") == []


@pytest.mark.parametrize("query", [{"folder": "a%b"}, {"prefix": "%"}, {"folder": "../a"}, {"prefix": "a/"}])
def test_what_can_not_be_a_folder_is_refused_as_a_filter(lister, query):
    """Case 80: a percent sign can't stand in a folder's name."""
    answer = lister.get("/files", params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_folder")


def test_content_type_is_exact_or_a_family(lister, add):
    text, picture, document = add(), add("a.png", png()), add("a.pdf", pdf())
    assert ids(lister, content_type="image/png") == [picture]
    assert ids(lister, content_type="IMAGE/*") == [picture]
    assert ids(lister, content_type="text/plain") == [text]
    assert ids(lister, content_type="application/*") == [document]
    assert ids(lister, content_type="image/%") == []
    assert ids(lister, content_type="imag_/*") == []


def test_status_picks_one_state_and_available_is_the_default(lister, add, registry):
    available, deleted, pending = add(), add(), add()
    lister.delete(f"/files/{deleted}")
    set_column(registry, pending, "status", "pending")
    assert ids(lister) == ids(lister, status="available") == [available]
    assert ids(lister, status="deleted") == [deleted]
    assert ids(lister, status="pending") == [pending]
    set_column(registry, pending, "status", "available")


def test_filters_are_joined(lister, add):
    made = add(folder="both")
    add(folder="both", filename="a.png", content=png())
    add(folder="other")
    assert ids(lister, folder="both", content_type="text/plain") == [made]


def test_admins_see_everybodys_files_and_owners_their_own(add, admin, bob):
    made = add(folder="of-the-lister")
    assert ids(admin, folder="of-the-lister") == [made]
    assert ids(bob, folder="of-the-lister") == []


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
    ],
)
def test_a_wrong_or_unknown_parameter_is_refused_by_name(lister, query, field):
    answer = lister.get("/files", params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert [error["field"] for error in answer.json()["errors"]] == [f"query.{field}"]


def test_a_listing_of_nothing_is_an_empty_page(lister):
    assert lister.get("/files", params={"limit": 1000}).json() == {"items": [], "next_cursor": None}
