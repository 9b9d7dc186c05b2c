"""Sub-folders: which there are, what they hold, page by page."""

from __future__ import annotations

import pytest

from tests.support.listings import page_of, walk
from tests.support.states import expire, set_column


def folders(client, parent: str = "", **query) -> dict[str, tuple[int, int]]:
    """Files and bytes of each sub-folder, in the order of the answer."""
    items = page_of(client, "/files/folders", parent=parent, **query)["items"]
    return {item["folder"]: (item["file_count"], item["total_bytes"]) for item in items}


def test_sub_folders_are_the_direct_ones_with_all_that_lies_below(lister, add):
    for folder in ("", "docs", "docs/2025/q1", "docs/2026", "docs/2026", "docs 2", "docs-1", "docs.old/x", "ä/ö", "-"):
        add(content=b"12345", folder=folder)
    expected = {"-": (1, 5), "docs": (4, 20), "docs 2": (1, 5), "docs-1": (1, 5), "docs.old": (1, 5), "ä": (1, 5)}
    assert folders(lister) == expected
    assert list(folders(lister)) == list(expected)
    assert folders(lister, "docs") == {"docs/2025": (1, 5), "docs/2026": (2, 10)}
    assert folders(lister, "docs/2025") == {"docs/2025/q1": (1, 5)}
    assert folders(lister, "ä") == {"ä/ö": (1, 5)}
    assert folders(lister, "docs/2026") == folders(lister, "doc") == folders(lister, "none") == {}


def test_a_folder_is_there_as_long_as_an_available_file_is(lister, add, registry):
    deleted, expired, pending, unsized = (add(folder=f"{name}/x") for name in ("a", "b", "c", "d"))
    assert list(folders(lister)) == ["a", "b", "c", "d"]
    lister.delete(f"/files/{deleted}")
    expire(registry, expired)
    set_column(registry, pending, "status", "pending")
    set_column(registry, unsized, "file_size", None)
    assert folders(lister) == {"d": (1, 0)}
    set_column(registry, pending, "status", "available")


def test_everybody_sees_their_own_and_admins_see_all_or_one_owners(lister, add, bob, admin):
    made = add(folder="theirs-alone/a", content=b"12345", is_public=True)
    owner = admin.get(f"/files/{made}").json()["owner_id"]
    assert folders(bob, "theirs-alone") == {}
    assert folders(admin, "theirs-alone") == folders(lister, "theirs-alone") == {"theirs-alone/a": (1, 5)}
    assert folders(admin, owner_id=owner) == {"theirs-alone": (1, 5)}
    assert folders(admin, "theirs-alone", owner_id="nobody at all") == {}


@pytest.mark.parametrize("parent", ["", "p"])
def test_pages_of_folders_hold_each_once_while_others_come_and_go(lister, add, parent):
    """Case 79: also when the very folder goes that the cursor names."""
    base = f"{parent}/" if parent else ""
    add(folder=parent)
    made = {name: add(folder=f"{base}{name}/deep") for name in ("a", "b", "b c", "b-", "d", "e", "f")}
    coming, going = ["aa", "z"], ["b c", "d"]

    def meanwhile():
        if coming:
            add(folder=f"{base}{coming.pop(0)}")
        if going:
            lister.delete(f"/files/{made[going.pop(0)]}")

    items = walk(lister, meanwhile, path="/files/folders", parent=parent, limit=2)
    names = [item["folder"].removeprefix(base) for item in items]
    assert len(names) == len(set(names))
    assert [name for name in names if name in {"a", "b", "b-", "e", "f"}] == ["a", "b", "b-", "e", "f"]
    assert "b c" not in names
    assert names[-1] == "z"


def test_the_link_header_leads_to_the_next_folders(lister, add, service):
    for name in ("ä b", "ö"):
        add(folder=f"ü/{name}")
    first = lister.get("/files/folders", params={"parent": "ü", "limit": 1})
    following = lister.get(f"{service.base_url}{first.links['next']['url']}")
    assert [item["folder"] for item in following.json()["items"]] == ["ü/ö"]
    assert following.json()["next_cursor"] is None
    assert "next" not in following.links


def test_a_cursor_of_other_folders_is_refused(lister, add, alice):
    for name in ("a", "b"):
        add(folder=name)
    cursor = page_of(lister, "/files/folders", limit=1)["next_cursor"]
    for client, path, query in (
        (lister, "/files/folders", {"parent": "a"}),
        (alice, "/files/folders", {}),
        (lister, "/files", {}),
    ):
        answer = client.get(path, params={"cursor": cursor, **query})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"parent": "../a"}, "invalid_folder"),
        ({"parent": "a/"}, "invalid_folder"),
        ({"folder": "a"}, "validation_error"),
        ({"limit": 1001}, "validation_error"),
    ],
)
def test_a_wrong_question_about_folders_is_refused(lister, query, code):
    answer = lister.get("/files/folders", params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_nobody_lists_without_a_credential(anonymous):
    for path in ("/files", "/files/folders"):
        assert anonymous.get(path).status_code == 401
