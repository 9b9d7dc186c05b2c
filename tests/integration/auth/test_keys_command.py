"""`python -m app keys`: for operators, on the registry alone."""

from __future__ import annotations

import json
import re
from uuid import uuid4

import httpx
import pytest

from tests.support.commands import run


@pytest.fixture
def keys(database_url):
    """Run the command on the registry of the suite; returns what it printed."""

    def command(*arguments: str, code: int = 0):
        done = run("keys", *arguments, DATABASE_URL=database_url, S3_BUCKET_NAME="unused")
        assert done.returncode == code, (done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stderr

    return command


@pytest.fixture
def owner():
    return f"owner-{uuid4().hex}"


def status_of(service, key: str) -> int:
    return httpx.get(f"{service.base_url}/api/v1/files", headers={"Authorization": f"Bearer {key}"}).status_code


def test_a_key_is_made_used_listed_and_revoked(service, keys, owner):
    key = keys("create", "--owner", owner, "--name", "ci").strip()
    assert re.fullmatch(r"hf_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}", key)
    assert status_of(service, key) == 200
    listed = keys("list", "--owner", owner, "--json")
    [shown] = json.loads(listed)
    assert (shown["owner_id"], shown["name"], shown["prefix"]) == (owner, "ci", key[3:11])
    assert (shown["scopes"], shown["expires_at"], shown["revoked_at"]) == (["files:read", "files:write"], None, None)
    assert key[12:] not in listed
    table = keys("list")
    assert f"hf_{key[3:11]}_…  live" in table
    assert key[12:] not in table
    assert keys("revoke", shown["id"]) == f"revoked: {shown['id']}\n"
    assert status_of(service, key) == 401
    assert "revoked" in keys("list", "--owner", owner)


def test_scopes_and_an_end_are_taken(keys, owner):
    keys("create", "--owner", owner, "--name", "n", "--scope", "files:read", "--scope", "files:admin",
         "--expires-in-days", "30")  # fmt: skip
    [shown] = json.loads(keys("list", "--owner", owner, "--json"))
    assert shown["scopes"] == ["files:admin", "files:read"]
    assert shown["created_at"] < shown["expires_at"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "--owner", "a"), ("create", "--name", "n"), ("create", "--owner", "", "--name", "n"),
        ("create", "--owner", "a\nb", "--name", "n"), ("create", "--owner", "a", "--name", "n" * 256),
        ("create", "--owner", "a", "--name", "n", "--scope", "files:everything"),
        ("create", "--owner", "a", "--name", "n", "--expires-in-days", "0"), ("revoke", "no-id"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(keys, arguments):
    keys(*arguments, code=2)


def test_an_unknown_key_can_not_be_revoked(keys):
    assert "There is no such API key." in keys("revoke", "01890000-0000-7000-8000-000000000000", code=1)


def test_the_journal_tells_that_it_was_the_command(keys, owner, registry):
    keys("create", "--owner", owner, "--name", "ci")
    [shown] = json.loads(keys("list", "--owner", owner, "--json"))
    keys("revoke", shown["id"])
    told = registry.rows("SELECT actor_kind, actor, action FROM audit_entries WHERE owner_id = $1 ORDER BY at", owner)
    assert [tuple(row.values()) for row in told] == [
        ("system", "command", "key.create"),
        ("system", "command", "key.revoke"),
    ]
