"""API keys: made by people, shown by scripts; refused everywhere from the revocation on."""

from __future__ import annotations

import base64
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest

from tests.support.service import running, settings_with, wait_until
from tests.support.tokens import signed

NOBODYS = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
def owner(service):
    """A caller who has no key yet."""
    with service.client(f"owner-{uuid4().hex}") as client:
        yield client


@pytest.fixture
def make(owner):
    """Make a key of the owner's; returns the answer's body."""

    def create(**wanted) -> dict:
        answer = owner.post("/keys", json={"name": "ci"} | wanted)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return create


@pytest.fixture
def with_key(service):
    """A client that shows an API key."""
    clients = []

    def client(key: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {key}"}
        clients.append(httpx.Client(base_url=f"{service.base_url}/api/v1", headers=headers, timeout=60))
        return clients[-1]

    yield client
    for each in clients:
        each.close()


def soon(**ahead) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat()


def test_a_key_acts_as_its_owner(make, with_key, owner):
    made = make()
    assert re.fullmatch(r"hf_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}", made["key"])
    assert made["key"][3:11] == made["prefix"]
    assert made["scopes"] == ["files:read", "files:write"]
    client = with_key(made["key"])
    file = client.post("/files/upload", files={"file": ("a.txt", b"by a script")}).json()
    assert file["owner_id"] == made["owner_id"]
    assert owner.get(f"/files/{file['id']}/download").content == b"by a script"
    assert client.delete(f"/files/{file['id']}", params={"hard_delete": True}).status_code == 204


def test_a_key_is_shown_once_and_kept_as_a_hash(make, owner, registry):
    made = make()
    [listed] = owner.get("/keys").json()["items"]
    assert listed == {name: value for name, value in made.items() if name != "key"}
    [row] = registry.rows("SELECT * FROM api_keys WHERE id = $1", made["id"])
    kept = str(dict(row)) + base64.b64encode(row["digest"]).decode()
    assert len(row["digest"]) == 32
    assert made["key"] not in kept
    assert made["key"][12:] not in kept


def test_no_answer_with_a_key_is_cached(owner):
    made = owner.post("/keys", json={"name": "ci"})
    assert (made.headers["Cache-Control"], owner.get("/keys").headers["Cache-Control"]) == ("private, no-store",) * 2


def test_keys_never_repeat(make):
    keys = [make(name=f"key {number}") for number in range(5)]
    assert len({each["key"] for each in keys}) == len({each["prefix"] for each in keys}) == 5


@pytest.mark.parametrize(
    ("scopes", "may_read", "may_write"),
    [(["files:read"], True, False), (["files:write"], False, True), (["files:read", "files:write"], True, True)],
)
def test_a_key_may_do_what_its_scopes_say(make, with_key, scopes, may_read, may_write):
    client = with_key(make(scopes=scopes)["key"])
    assert client.get("/files").status_code == (200 if may_read else 403)
    assert client.delete(f"/files/{NOBODYS}").status_code == (404 if may_write else 403)


def test_a_key_can_do_no_more_than_its_maker(service, owner, admin):
    assert owner.post("/keys", json={"name": "k", "scopes": ["files:admin"]}).status_code == 403
    assert admin.post("/keys", json={"name": "k"}).json()["scopes"] == ["files:read", "files:write"]
    made = admin.post("/keys", json={"name": "k", "scopes": ["files:admin"]}).json()
    assert made["scopes"] == ["files:admin"]
    with service.client("writer", scopes={"files:write"}) as writer:
        assert writer.post("/keys", json={"name": "k", "scopes": ["files:read"]}).status_code == 403
        assert writer.post("/keys", json={"name": "k"}).json()["scopes"] == ["files:write"]
        assert writer.get("/keys").status_code == 403
    with service.client("reader", scopes={"files:read"}) as reader:
        assert reader.post("/keys", json={"name": "k"}).status_code == 403
        assert reader.delete(f"/keys/{made['id']}").status_code == 403
        assert reader.get("/keys").status_code == 200
    assert admin.delete(f"/keys/{made['id']}").status_code == 204


@pytest.mark.parametrize("scopes", [["files:read", "files:write"], ["files:admin"]])
def test_a_key_can_neither_make_nor_list_nor_revoke_keys(service, with_key, scopes):
    with service.client("root", scopes={"files:admin"}) as maker:
        made = maker.post("/keys", json={"name": "k", "scopes": scopes}).json()
    client = with_key(made["key"])
    answers = [client.post("/keys", json={"name": "more"}), client.get("/keys"), client.delete(f"/keys/{made['id']}")]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, "forbidden")] * 3
    assert client.get("/files", params={"limit": 1}).status_code == 200


@pytest.mark.parametrize(
    "wanted",
    [
        {}, {"name": ""}, {"name": " "}, {"name": "a\0b"}, {"name": "a\nb"}, {"name": "n" * 256}, {"name": 7},
        {"name": "k", "scopes": []}, {"name": "k", "scopes": ["files:everything"]},
        {"name": "k", "scopes": "files:read"},
        {"name": "k", "expires_at": "2020-01-01T00:00:00Z"}, {"name": "k", "expires_at": "2099-01-01T00:00:00"},
        {"name": "k", "owner_id": "bob"},
    ],
)  # fmt: skip
def test_an_odd_wish_makes_no_key(owner, wanted):
    refused = owner.post("/keys", json=wanted)
    assert (refused.status_code, refused.json()["code"]) == (422, "validation_error")
    assert owner.get("/keys").json()["items"] == []


def test_unknown_revoked_expired_and_misspelt_keys_get_the_same_answer(make, with_key, owner, registry):
    live, revoked, expired = make(), make(), make(expires_at=soon(hours=1))
    assert owner.delete(f"/keys/{revoked['id']}").status_code == 204
    registry.rows("UPDATE api_keys SET expires_at = now() WHERE id = $1", expired["id"])
    secret = live["key"][12:]
    wrong = [
        revoked["key"], expired["key"], f"hf_{'0' * 8}_{secret}",
        live["key"][:-1] + ("a" if secret[-1] != "a" else "b"), f"hf_{revoked['prefix']}_{secret}",
        live["key"][:-1], live["key"] + "a", "hf_", f"hf_{live['prefix']}", live["key"].replace("_", "-"),
        live["key"].upper(), "hf_" + "'" * 8 + "_" + secret, "hf_" + "%" * 8 + "_" + secret,
    ]  # fmt: skip
    answers = [with_key(key).get("/files") for key in wrong if key.startswith("hf_")]
    told = {(each.status_code, each.json()["code"], each.json()["detail"]) for each in answers}
    assert told == {(401, "unauthenticated", "The API key is not valid.")}
    assert {with_key(key).get("/files").status_code for key in wrong} == {401}
    assert with_key(live["key"]).get("/files").status_code == 200


def test_a_revoked_key_is_refused_by_other_processes_at_once(base_settings, make, owner):
    made = make()
    headers = {"Authorization": f"Bearer {made['key']}"}
    with running(settings_with(base_settings)) as other, other.client(None) as client:
        assert client.get("/files", headers=headers).status_code == 200
        assert owner.delete(f"/keys/{made['id']}").status_code == 204
        assert client.get("/files", headers=headers).status_code == 401


def test_revoking_again_changes_nothing(make, owner):
    made = make()
    assert owner.delete(f"/keys/{made['id']}").status_code == 204
    [first] = owner.get("/keys").json()["items"]
    assert owner.delete(f"/keys/{made['id']}").status_code == 204
    assert owner.get("/keys").json()["items"] == [first]
    assert first["revoked_at"]


def test_nobody_sees_or_revokes_a_strangers_key_but_admins(make, with_key, bob, admin, anonymous):
    made = make()
    for refused in (bob.delete(f"/keys/{made['id']}"), bob.delete(f"/keys/{NOBODYS}")):
        assert (refused.status_code, refused.json()["code"]) == (404, "key_not_found")
    assert made["id"] not in bob.get("/keys", params={"limit": 1000}).text
    assert bob.get("/keys", params={"owner_id": made["owner_id"]}).status_code == 403
    assert [anonymous.get("/keys").status_code, anonymous.delete(f"/keys/{made['id']}").status_code] == [401, 401]
    assert anonymous.post("/keys", json={"name": "k"}).status_code == 401
    [found] = admin.get("/keys", params={"owner_id": made["owner_id"]}).json()["items"]
    assert found["id"] == made["id"]
    assert made["id"] in admin.get("/keys", params={"limit": 1000}).text
    assert admin.delete(f"/keys/{made['id']}").status_code == 204
    assert with_key(made["key"]).get("/files").status_code == 401


def test_keys_are_listed_page_by_page_newest_first(make, owner, bob):
    names = [make(name=f"key {number}")["name"] for number in range(5)]
    seen, cursor = [], None
    while True:
        page = owner.get("/keys", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        seen += [item["name"] for item in page.json()["items"]]
        cursor = page.json()["next_cursor"]
        assert ("Link" in page.headers) is bool(cursor)
        if cursor is None:
            break
        assert bob.get("/keys", params={"cursor": cursor}).json()["code"] == "invalid_cursor"
    assert seen == names[::-1]


def test_the_last_use_is_written_down_at_most_once_a_minute(make, with_key, owner, registry):
    made = make()
    client = with_key(made["key"])

    def last_used() -> str | None:
        [item] = owner.get("/keys").json()["items"]
        return item["last_used_at"]

    assert last_used() is None
    client.get("/files")
    wait_until(lambda: last_used() is not None)
    first = last_used()
    for _ in range(5):
        client.get("/files")
    registry.rows("UPDATE api_keys SET last_used_at = last_used_at - interval '59 seconds' WHERE id = $1", made["id"])
    before = last_used()
    client.get("/files")
    assert last_used() == before != first
    registry.rows("UPDATE api_keys SET last_used_at = last_used_at - interval '2 seconds' WHERE id = $1", made["id"])
    client.get("/files")
    wait_until(lambda: last_used() > first)


def test_nobody_has_more_than_a_hundred_keys_in_use(make, owner, registry):
    first = make()
    registry.rows(
        "INSERT INTO api_keys (id, prefix, digest, owner_id, name, scopes)"
        " SELECT gen_random_uuid(), 'T' || substr(gen_random_uuid()::text, 1, 13), '', $1, 'filler', '{}'"
        " FROM generate_series(1, 99)",
        first["owner_id"],
    )
    refused = owner.post("/keys", json={"name": "one too many"})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_keys")
    assert owner.delete(f"/keys/{first['id']}").status_code == 204
    with ThreadPoolExecutor(8) as callers:
        answers = [callers.submit(owner.post, "/keys", json={"name": "instead"}) for _ in range(8)]
    assert sorted(each.result().status_code for each in answers) == [201] + [409] * 7


def test_a_key_also_works_where_tokens_are_a_providers(start_service, make):
    made = make()
    auth = {"jwt_secret": None, "jwks_url": "http://127.0.0.1:1/keys"}
    with start_service(auth=auth) as service, service.client(None) as client:
        assert client.get("/files", headers={"Authorization": f"Bearer {made['key']}"}).status_code == 200


def test_two_credentials_prove_nobody(service, make):
    """A proxy in front may have looked at the other one."""
    made = make()
    both = [("Authorization", f"Bearer {made['key']}"), ("Authorization", f"Bearer {signed(iss=None, aud=None)}")]
    for headers in (both, both[::-1], [both[0]] * 2):
        assert httpx.get(f"{service.base_url}/api/v1/files", headers=headers).status_code == 401
    assert httpx.get(f"{service.base_url}/api/v1/files", headers=both[:1]).status_code == 200


def test_uppy_works_with_a_key(make, with_key):
    client = with_key(make()["key"])
    answer = client.post("/files/uploads", json={"filename": "a.txt", "content_type": "text/plain", "file_size": 3})
    assert answer.status_code == 201
    assert client.delete(f"/files/uploads/{answer.json()['file']['id']}").status_code == 204
