"""Listings: each filter alone, filters together, each order."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from tests.samples import pdf, png
from tests.support.listings import ids, page_of
from tests.support.states import expire, in_status, set_column


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


@pytest.fixture
def named(add):
    """Files by their names, with descriptions."""
    described = {
        "Invoice_2026.txt": "for ÄRZTE",
        "100% sure.txt": None,
        "ΟΔΟΣ.txt": "a street",
        r"back\slash.txt": "C:\\temp",
        "résumé.txt": "50%_off",
    }
    return {
        name: add(name, **({"description": description} if description else {}))
        for name, description in described.items()
    }


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("invoice", ["Invoice_2026.txt"]),
        ("VOICE_2", ["Invoice_2026.txt"]),
        ("ärzte", ["Invoice_2026.txt"]),
        ("οδος", ["ΟΔΟΣ.txt"]),
        ("Street", ["ΟΔΟΣ.txt"]),
        ("RE\u0301SUME\u0301", ["résumé.txt"]),
        ("0%", ["100% sure.txt", "résumé.txt"]),
        ("%_", ["résumé.txt"]),
        ("_", ["Invoice_2026.txt", "résumé.txt"]),
        ("c:\\T", ["slash.txt"]),
        ("\\", ["slash.txt"]),
        ("e%e", []),
        ("resume", []),
        (".TXT", ["Invoice_2026.txt", "100% sure.txt", "ΟΔΟΣ.txt", "slash.txt", "résumé.txt"]),
    ],
)
def test_q_is_a_piece_of_name_or_description_whatever_the_case(lister, named, q, found):
    """Case 80: a wildcard is a letter. Names are composed, so what a Mac types is, too."""
    names = {item["id"]: item["filename"] for item in page_of(lister, q=q)["items"]}
    assert names.keys() <= set(named.values())
    assert sorted(names.values()) == sorted(found)


def test_is_public_splits_what_there_is(lister, add):
    hidden, public = add(), add(is_public=True)
    assert ids(lister, is_public=True) == [public]
    assert ids(lister, is_public=False) == [hidden]
    assert ids(lister) == [public, hidden]


def test_times_begin_with_after_and_end_short_of_before(lister, add, registry):
    made = [add() for _ in range(3)]
    noon = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
    for hours, file_id in enumerate(made):
        set_column(registry, file_id, "created_at", noon + timedelta(hours=hours))
    assert ids(lister, created_after="2026-03-01T13:00:00Z") == [made[2], made[1]]
    assert ids(lister, created_before="2026-03-01T13:00:00Z") == [made[0]]
    # The same moments, seen from another place.
    assert ids(lister, created_after="2026-03-01T14:00:00+01:00", created_before="2026-03-01T09:00:00-05:00") == [
        made[1]
    ]


def test_sizes_hold_both_ends_and_no_file_of_unknown_size(lister, add, registry):
    small, large, unknown = add(content=b"x"), add(content=b"x" * 10), add()
    set_column(registry, unknown, "file_size", None)
    assert ids(lister, min_size=1, max_size=10) == [large, small]
    assert ids(lister, min_size=2) == [large]
    assert ids(lister, max_size=9) == [small]
    assert ids(lister, min_size=0) == [large, small]
    assert ids(lister, min_size=10, max_size=1) == []
    assert ids(lister) == [unknown, large, small]


@pytest.mark.parametrize(
    ("contained", "is_found"),
    [
        ({"customer": 7}, True),
        ({"tags": ["q3"]}, True),
        ({"tags": []}, True),
        ({"nested": {"deep": None}}, True),
        ({}, True),
        ({"customer": "7"}, False),
        ({"tags": ["q3", "q4"]}, False),
        ({"q3": "tags"}, False),
        ({"nested": {"deep": False}}, False),
    ],
)
def test_metadata_lists_what_contains_it(lister, add, contained, is_found):
    made = add(metadata=json.dumps({"customer": 7, "tags": ["q2", "q3"], "nested": {"deep": None, "other": 1}}))
    add(metadata=json.dumps({"customer": 8})) if contained else None
    assert ids(lister, metadata=json.dumps(contained)) == ([made] if is_found else [])


@pytest.mark.parametrize("wrong", ["[]", "7", "{", '{"a":NaN}', "null"])
def test_what_is_no_object_can_not_be_contained(lister, wrong):
    answer = lister.get("/files", params={"metadata": wrong})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_metadata")


def test_an_admin_asks_for_one_owner_and_nobody_else_does(lister, add, admin, bob):
    made = add()
    owner = admin.get(f"/files/{made}").json()["owner_id"]
    assert ids(admin, owner_id=owner) == [made]
    assert ids(admin, owner_id="nobody at all") == []
    for client in (bob, lister):
        for path in ("/files", "/files/folders"):
            answer = client.get(path, params={"owner_id": owner})
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_an_expired_file_is_listed_as_deleted_before_any_job_ran(lister, add, registry):
    """Both ways to be deleted stand in one order."""
    made = [add() for _ in range(4)]
    lister.delete(f"/files/{made[0]}")
    expire(registry, made[1])
    lister.delete(f"/files/{made[2]}")
    expire(registry, made[3])
    assert ids(lister) == []
    assert ids(lister, status="deleted") == made[::-1]
    assert ids(lister, status="deleted", sort="created_at", limit=3) == made[:3]
    items = page_of(lister, status="deleted")["items"]
    assert {item["status"] for item in items} == {"deleted"}
    first = page_of(lister, status="deleted", limit=2)
    assert ids(lister, status="deleted", limit=2, cursor=first["next_cursor"]) == made[1::-1]


def test_a_pending_file_that_expired_is_still_pending(lister, add, registry):
    made = add()
    with in_status(registry, made, "pending"):
        expire(registry, made)
        assert ids(lister, status="pending") == [made]
        assert ids(lister, status="deleted") == []


def test_names_are_sorted_without_regard_to_case_then_by_their_bytes(lister, add):
    made = {name: add(name) for name in ("b.txt", "Ä.txt", "A.txt", "10.txt", "9.txt", "c.txt", "ä.txt")}
    expected = [made[name] for name in ("10.txt", "9.txt", "A.txt", "b.txt", "c.txt", "Ä.txt", "ä.txt")]
    assert ids(lister, sort="filename") == expected
    assert ids(lister, sort="-filename") == expected[::-1]


def test_sizes_are_sorted_and_an_unknown_one_is_below_all(lister, add, registry):
    one, three, two, unknown = (add(content=b"x" * size) for size in (1, 3, 2, 9))
    set_column(registry, unknown, "file_size", None)
    expected = [unknown, one, two, three]
    assert ids(lister, sort="file_size") == expected
    assert ids(lister, sort="-file_size") == expected[::-1]
    first = page_of(lister, sort="file_size", limit=1)
    assert ids(lister, sort="file_size", limit=9, cursor=first["next_cursor"]) == expected[1:]


def test_all_filters_at_once(lister, add):
    def make(**changes):
        fields = {"folder": "a/b", "description": "Needle", "is_public": True, "metadata": '{"k":1}'} | changes
        return add(fields.pop("filename", "hay.txt"), fields.pop("content", b"12345"), **fields)

    made = make()
    for different in (
        {"folder": "a"}, {"description": "none"}, {"is_public": False}, {"metadata": '{"k":2}'}, {"content": b"1"},
        {"filename": "a.png", "content": png()},
    ):  # fmt: skip
        make(**different)
    query = {
        "folder": "a/b", "prefix": "a", "q": "needle", "content_type": "text/*", "status": "available",
        "is_public": True, "created_after": "2020-01-01T00:00:00Z", "created_before": "2120-01-01T00:00:00Z",
        "min_size": 5, "max_size": 5, "metadata": '{"k":1}', "sort": "-file_size",
    }  # fmt: skip
    assert ids(lister, **query) == [made]


def test_a_cursor_holds_the_longest_name(lister, add):
    """255 bytes, of letters that grow in lower case, and of quotes that JSON escapes."""
    for name in ("İ" * 125 + ".txt", "'\"" * 125 + ".txt", "電" * 83 + ".txt"):
        add(name)
    first = page_of(lister, sort="filename", limit=1)
    assert len(ids(lister, sort="filename", limit=3, cursor=first["next_cursor"])) == 2
