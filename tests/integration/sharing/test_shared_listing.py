"""Listings of what others granted: by name and by group, with all that other listings have."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.support.listings import ids, page_of, walk
from tests.support.sharing import caller, grant, revoke
from tests.support.states import expire, in_status

SORTS = ("created_at", "-created_at", "filename", "-filename", "file_size", "-file_size")


@pytest.fixture
def team():
    return f"team-{uuid4().hex}"


@pytest.fixture
def reader(somebody, team):
    """Somebody to whom nothing was granted yet: the name and a client."""
    return somebody("another group", team)


@pytest.fixture
def share(alice, upload, reader):
    """Upload a file of alice's and grant it to the reader; returns the record."""

    def make(filename: str = "notes.txt", content: bytes = b"shared", principal: str | None = None, **fields) -> dict:
        file = upload(content, filename, **fields)
        grant(alice, file, principal or f"user:{reader[0]}")
        return file

    return make


def shared(client, **query) -> list[str]:
    return ids(client, shared_with_me=True, **query)


def test_what_others_granted_is_listed_apart_from_ones_own(reader, share):
    _, client = reader
    own = client.put("/files/raw/own.txt", content=b"own").json()
    assert shared(client) == []
    made = [share()["id"] for _ in range(3)]
    assert shared(client) == made[::-1]
    assert ids(client) == ids(client, shared_with_me=False) == [own["id"]]


def test_a_file_is_listed_once_by_however_many_ways_it_was_granted(alice, reader, share, team):
    name, client = reader
    file = share(principal=f"group:{team}")
    for principal in (f"user:{name}", "group:another group"):
        grant(alice, file, principal, "write")
    found = shared(client)
    assert found.count(file["id"]) == 1
    for principal in (f"user:{name}", "group:another group"):
        revoke(alice, file, principal)
    assert shared(client) == [file["id"]]
    revoke(alice, file, f"group:{team}")
    assert shared(client) == []


def test_a_listed_record_is_the_one_that_is_read(reader, share):
    _, client = reader
    file = share(description="for you", metadata='{"a": 1}')
    [item] = page_of(client, shared_with_me=True)["items"]
    assert item == client.get(f"/files/{file['id']}").json()
    assert item == {name: value for name, value in file.items() if name != "s3_key"}


def test_ones_own_file_was_not_shared_by_others(reader, team):
    _, client = reader
    own = client.put("/files/raw/own.txt", content=b"own").json()
    grant(client, own, f"group:{team}")
    assert shared(client) == []


def test_public_files_and_those_granted_to_others_are_in_nobodys_listing(alice, upload, reader, share, somebody):
    upload(b"for all", is_public=True)
    grant(alice, upload(b"for somebody else"), "user:somebody else")
    file = share(is_public=True)
    assert shared(reader[1]) == [file["id"]]
    assert shared(somebody()[1]) == []


def test_a_group_of_a_users_name_is_another(alice, upload, somebody, team):
    name, client = somebody(team)
    file = upload(b"for others")
    for principal in (f"user:{team}", f"group:{name}"):
        grant(alice, file, principal)
    assert shared(client) == []
    assert client.get(f"/files/{file['id']}").status_code == 404


def test_only_available_files_are_listed_whatever_status_is_asked_for(alice, registry, reader, share):
    _, client = reader
    deleted, expired, pending, stays = (share() for _ in range(4))
    alice.delete(f"/files/{deleted['id']}")
    expire(registry, expired["id"])
    with in_status(registry, pending["id"], "pending"):
        assert shared(client) == [stays["id"]]
        for status in ("deleted", "pending", "rejected", "verifying"):
            assert shared(client, status=status) == []
    alice.post(f"/files/{deleted['id']}/restore")
    assert set(shared(client)) == {deleted["id"], pending["id"], stays["id"]}


def test_every_filter_applies(reader, share):
    _, client = reader
    wanted = share("Wanted.csv", b"a,b\n1,2\n", folder="from/here", description="ÜBER all", metadata='{"n": [1, 2]}')
    share("other.txt", b"of another kind", folder="fromage", is_public=True)
    for query in (
        {"folder": "from/here"},
        {"prefix": "from"},
        {"q": "über"},
        {"content_type": "text/csv"},
        {"is_public": False},
        {"created_before": "2120-01-01T00:00:00Z", "max_size": 8},
        {"created_after": "2020-01-01T00:00:00Z", "min_size": 1, "folder": "from/here"},
        {"metadata": '{"n": [2]}'},
    ):
        assert shared(client, **query) == [wanted["id"]], query


@pytest.mark.parametrize("sort", SORTS)
def test_pages_hold_each_file_once_in_every_order(reader, share, sort):
    _, client = reader
    names = ["b.txt", "A.txt", "b.txt", "c.txt", "a.txt"]
    files = [share(name, b"x" * (1 + number % 3)) for number, name in enumerate(names)]
    column = {"filename": lambda file: file["filename"].lower()}.get(sort.removeprefix("-"))
    key = column or (lambda file: file[sort.removeprefix("-")])
    expected = sorted(files, key=lambda file: (key(file), file["id"]), reverse=sort.startswith("-"))
    for limit in (1, 2, 5):
        found = walk(client, shared_with_me=True, sort=sort, limit=limit)
        assert [item["id"] for item in found] == [file["id"] for file in expected]


def test_what_is_granted_or_revoked_between_pages_moves_nothing_else(alice, reader, share):
    name, client = reader
    files = [share() for _ in range(6)][::-1]
    going = [files[1], files[4]]

    def meanwhile():
        share()
        if going:
            revoke(alice, going.pop(0), f"user:{name}")

    found = [item["id"] for item in walk(client, meanwhile, shared_with_me=True, limit=2)]
    stayed = [file["id"] for file in files if file["id"] not in {files[1]["id"], files[4]["id"]}]
    assert [file_id for file_id in found if file_id in stayed] == stayed
    assert len(found) == len(set(found))
    assert files[4]["id"] not in found


def test_a_cursor_fits_the_same_groups_only(service, reader, share, team):
    name, client = reader
    for _ in range(3):
        share()
    cursor = page_of(client, shared_with_me=True, limit=1)["next_cursor"]
    with caller(service, name, team, "another group") as same, caller(service, name, team) as fewer:
        assert len(shared(same, cursor=cursor)) == 2
        for other, query in ((fewer, {"shared_with_me": True}), (client, {}), (client, {"shared_with_me": False})):
            answer = other.get("/files", params={"cursor": cursor, **query})
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


def test_the_link_header_leads_to_the_next_page_of_the_same_listing(service, reader, share):
    _, client = reader
    made = [share()["id"] for _ in range(3)]
    first = client.get("/files", params={"shared_with_me": True, "limit": 2})
    following = client.get(f"{service.base_url}{first.links['next']['url']}")
    assert [item["id"] for item in following.json()["items"]] == made[:1]


def test_an_admin_finds_what_was_granted_to_it_not_everything(alice, upload, somebody):
    name, admin = somebody(scope="files:admin")
    upload(b"everybody's")
    file = upload(b"the admin's")
    grant(alice, file, f"user:{name}")
    assert page_of(admin, shared_with_me=True)["items"] == [file]
    assert shared(admin, owner_id="alice") == [file["id"]]
    assert shared(admin, owner_id="bob") == []


def test_it_takes_a_credential_that_may_read_and_a_yes_or_no(anonymous, somebody, reader):
    for client, query, status in (
        (anonymous, {"shared_with_me": True}, 401),
        (somebody(scope="files:write")[1], {"shared_with_me": True}, 403),
        (reader[1], {"shared_with_me": "perhaps"}, 422),
        (reader[1], {"shared_with_me": True, "owner_id": "alice"}, 403),
    ):
        assert client.get("/files", params=query).status_code == status
