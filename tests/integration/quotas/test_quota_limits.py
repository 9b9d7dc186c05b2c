"""Limits of single owners, and who may see and set what."""

from __future__ import annotations

from urllib.parse import quote
from uuid import uuid4

import pytest

LIMITS = ("max_bytes", "max_files")


@pytest.fixture(scope="module")
def strict(start_service):
    """A service where everybody may have 1,000 bytes in 10 files."""
    with start_service(quota={"max_bytes": 1000, "max_files": 10}) as service:
        yield service


@pytest.fixture
def owner(strict):
    """One who has no file yet."""
    name = f"owner-{uuid4().hex}"
    with strict.client(name) as client:
        client.name = name
        yield client


@pytest.fixture
def root(strict):
    with strict.client("root", scopes={"files:admin"}) as client:
        yield client


def limits(client, **query) -> tuple:
    shown = client.get("/usage", params=query).json()
    return tuple(shown[name] for name in LIMITS)


@pytest.mark.parametrize(
    ("own", "effective"),
    [
        ({}, (1000, 10)),
        ({"max_bytes": 5000}, (5000, 10)),
        ({"max_files": None}, (1000, None)),
        ({"max_bytes": None, "max_files": None}, (None, None)),
        ({"max_bytes": 0, "max_files": 0}, (0, 0)),
        ({"max_bytes": 2**53 - 1}, (2**53 - 1, 10)),
    ],
)
def test_a_limit_is_a_number_or_none_or_the_default(root, owner, own, effective):
    root.put(f"/usage/{owner.name}/limits", json={"max_bytes": 1, "max_files": 1})
    answer = root.put(f"/usage/{owner.name}/limits", json=own)
    assert answer.status_code == 200
    assert tuple(answer.json()[name] for name in LIMITS) == effective, "each PUT replaces what was set before"
    assert limits(owner) == effective
    for _ in range(2):
        assert root.delete(f"/usage/{owner.name}/limits").status_code == 204
    assert limits(owner) == (1000, 10)


def test_a_limit_holds_from_its_answer_on(root, owner):
    content = b"x" * 1001
    path = f"/usage/{owner.name}/limits"
    assert owner.put("/files/raw/a.bin", content=content).status_code == 413
    root.put(path, json={"max_bytes": None})
    assert owner.put("/files/raw/a.bin", content=content).status_code == 201
    root.put(path, json={"max_bytes": 500})
    assert owner.put("/files/raw/a.bin", content=b"x").status_code == 413, "who has more gets no more"
    assert owner.get("/usage").json()["bytes"] == 1001, "and keeps what it has"
    root.delete(path)
    assert owner.put("/files/raw/a.bin", content=b"x").status_code == 413


@pytest.mark.parametrize("name", ["auth0|5f/7c/8e", "a/limits", "ä b?c#d%2F", "limits", "..x"])
def test_owners_are_named_verbatim(strict, root, name):
    path = f"/usage/{quote(name, safe='/')}/limits"
    answer = root.put(path, json={"max_files": 3})
    assert (answer.status_code, answer.json()["owner_id"]) == (200, name)
    with strict.client(name) as client:
        assert limits(client) == (1000, 3)
    assert limits(root, owner_id=name) == (1000, 3)
    assert root.delete(path).status_code == 204
    assert limits(root, owner_id=name) == (1000, 10)


@pytest.mark.parametrize(
    "body",
    [
        {"max_bytes": -1},
        {"max_bytes": 1.5},
        {"max_bytes": "1000"},
        {"max_bytes": True},
        {"max_bytes": 2**53},
        {"max_files": -1},
        {"bytes": 1000},
        [],
        None,
    ],
)
def test_a_wrong_limit_is_refused_by_name(root, owner, body):
    answer = root.put(f"/usage/{owner.name}/limits", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert limits(owner) == (1000, 10)


@pytest.mark.parametrize("name", ["", "x" * 256, "%00"])
def test_an_impossible_owner_is_refused(root, name):
    for answer in (root.put(f"/usage/{name}/limits", json={}), root.delete(f"/usage/{name}/limits")):
        assert answer.status_code == 422
    assert root.get(f"/usage?owner_id={name}").status_code == 422


def test_only_admins_see_and_set_what_others_may_have(owner, anonymous):
    mine = f"/usage/{owner.name}/limits"
    assert owner.get("/usage", params={"owner_id": owner.name}).status_code == 200
    for answer in (
        owner.get("/usage", params={"owner_id": "somebody-else"}),
        owner.put(mine, json={"max_bytes": None}),
        owner.delete(mine),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    for answer in (anonymous.get("/usage"), anonymous.put(mine, json={}), anonymous.delete(mine)):
        assert answer.status_code == 401
    assert owner.get("/usage", params={"of": "me"}).status_code == 422
    assert limits(owner) == (1000, 10)


def test_usage_needs_the_scope_to_read(strict):
    with strict.client("writer", scopes={"files:write"}) as client:
        assert client.get("/usage").status_code == 403
