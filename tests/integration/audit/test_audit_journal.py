"""The journal as a promise: written with the change or not at all, only ever added to, kept for its days."""

from __future__ import annotations

import asyncpg
import pytest

from app.modules.maintenance.services.jobs import Job
from tests import samples
from tests.support.direct import begin
from tests.support.journal import entries, told
from tests.support.maintenance import Corner, counts, fresh_prefix
from tests.support.service import wait_until
from tests.support.states import expire

PDF = samples.pdf()
MAINTENANCE = "system maintenance"
# A table that takes nothing, as if its disk were full.
FULL = """
    CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = 'disk_full'; END $$
"""
JOURNAL_FULL = "CREATE TRIGGER is_full BEFORE INSERT ON audit_entries FOR EACH ROW EXECUTE FUNCTION is_full()"
# Fails when all else of the transaction has been written.
COMMIT_FAILS = """
    CREATE CONSTRAINT TRIGGER is_full AFTER UPDATE OR DELETE ON file_uploads DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION is_full()
"""
OLD_ENTRIES = """
    INSERT INTO audit_entries (id, at, actor_kind, actor, action, result)
    SELECT gen_random_uuid(), now() - make_interval(days => $1), 'user', 'days ' || $1, 'file.upload', 'ok'
    FROM generate_series(1, $2)
"""


@pytest.fixture
def corner(own_corner):
    return own_corner


@pytest.fixture
def alice(corner):
    with corner.service.client("alice") as client:
        yield client


@pytest.fixture
def admin(corner):
    with corner.service.client("root", scopes={"files:admin"}) as client:
        yield client


@pytest.fixture
def file(alice):
    return alice.put("/files/raw/a.txt", content=b"four").json()


CHANGES = {
    "PATCH": lambda client, path: client.patch(path, json={"folder": "a"}),
    "DELETE": lambda client, path: client.delete(path),
    "DELETE for good": lambda client, path: client.delete(path, params={"hard_delete": True}),
    "PUT content": lambda client, path: client.put(f"{path}/content", content=b"others"),
    "copy": lambda client, path: client.post(f"{path}/copy", json={}),
    "upload": lambda client, _path: client.put("/files/raw/b.txt", content=b"x"),
    "direct upload": lambda client, _path: client.post(
        "/files/uploads", json={"filename": "a.pdf", "content_type": "application/pdf", "file_size": 9}
    ),
    "API key": lambda client, _path: client.post("/keys", json={"name": "ci"}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_can_not_be_written_down_is_not_made(alice, admin, file, own_registry, name):
    path = f"/files/{file['id']}"
    own_registry.rows(FULL)
    own_registry.rows(JOURNAL_FULL)
    assert CHANGES[name](alice, path).status_code == 503
    own_registry.rows("DROP TRIGGER is_full ON audit_entries")
    assert alice.get(path).json() == file
    assert alice.get(f"{path}/download").content == b"four"
    assert [each["id"] for each in alice.get("/files").json()["items"]] == [file["id"]]
    assert alice.get("/keys").json()["items"] == []
    assert len(entries(admin)) == 1


@pytest.mark.parametrize("name", ["PATCH", "DELETE", "DELETE for good", "PUT content"])
def test_a_change_that_is_undone_is_not_told_as_done(alice, admin, file, own_registry, name):
    path = f"/files/{file['id']}"
    own_registry.rows(FULL)
    own_registry.rows(COMMIT_FAILS)
    assert CHANGES[name](alice, path).status_code == 503
    own_registry.rows("DROP TRIGGER is_full ON file_uploads")
    assert alice.get(path).json() == file
    assert [result for _, _, result, _ in told(admin, file["id"])[1:]] in ([], ["rejected"])


def test_what_maintenance_does_is_told_of_maintenance(corner, alice, admin, file, own_registry):
    expire(own_registry, file["id"])
    corner.run(Job.EXPIRE)
    own_registry.rows("UPDATE file_uploads SET deleted_at = now() - interval '31 days'")
    corner.run(Job.PURGE)
    assert told(admin, file["id"])[1:] == [
        (MAINTENANCE, "file.expire", "ok", {}),
        (MAINTENANCE, "file.purge", "ok", {}),
    ]
    assert {each["owner_id"] for each in entries(admin, file_id=file["id"])} == {"alice"}
    assert alice.get(f"/files/{file['id']}").status_code == 404


def test_lost_bytes_are_told_and_so_is_that_they_are_back(corner, admin, file):
    key = {"Bucket": corner.bucket.name, "Key": file["s3_key"]}
    corner.bucket.client.delete_object(**key)
    corner.run(Job.RECONCILE, lost=True)
    corner.bucket.client.put_object(**key, Body=b"four")
    corner.run(Job.RECONCILE)
    assert told(admin, file["id"])[1:] == [
        (MAINTENANCE, "file.lost", "ok", {}),
        (MAINTENANCE, "file.recover", "ok", {}),
    ]


def test_damaged_bytes_are_told(corner, admin, file):
    corner.bucket.client.put_object(Bucket=corner.bucket.name, Key=file["s3_key"], Body=b"five5")
    corner.run(Job.SCRUB)
    assert told(admin, file["id"])[1:] == [(MAINTENANCE, "file.damaged", "ok", {})]


def test_a_direct_upload_that_nobody_ends_is_told_as_aborted_by_the_service(corner, alice, admin, own_registry):
    upload = begin(alice, PDF, "a.pdf", method="put")
    own_registry.rows("UPDATE stored_objects SET lease_expires_at = now(), url_expires_at = now() - interval '2 hours'")
    corner.run(Job.EXPIRE)
    wait_until(lambda: alice.get(f"/files/{upload['file']['id']}").status_code == 404)
    assert told(admin, upload["file"]["id"])[1:] == [("system outbox", "file.abort", "ok", {})]


# Young ones don't go in the purge's own way either.
AS_THE_PURGE = """
    WITH allowed AS (SELECT set_config('holdfast.audit_purge_before', (now() - interval '1 day')::text, true))
    DELETE FROM audit_entries USING allowed
"""


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET actor = 'somebody else'",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
        AS_THE_PURGE,
    ],
)
def test_the_journal_is_only_ever_added_to(own_registry, statement):
    own_registry.rows(OLD_ENTRIES, 0, 1)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        own_registry.rows(statement)
    assert own_registry.rows("SELECT actor FROM audit_entries") == [{"actor": "days 0"}]


def test_entries_go_when_their_days_are_over_and_an_entry_says_so(corner, admin, own_registry):
    own_registry.rows(OLD_ENTRIES, 366, 2500)
    own_registry.rows(OLD_ENTRIES, 364, 3)
    assert counts(corner.run(Job.PURGE, dry_run=True)) == {"purged audit entries": (2500, 0)}
    assert len(entries(admin)) == 2503
    assert counts(corner.run(Job.PURGE)) == {"purged audit entries": (2500, 2500)}
    found = entries(admin)
    assert [each["actor"] for each in found if each["action"] == "file.upload"] == ["days 364"] * 3
    purges = [(each["actor_kind"], each["details"]) for each in found if each["action"] == "audit.purge"]
    assert purges == [("system", {"count": count, "days": 365}) for count in (1000, 1000, 500)]
    assert counts(corner.run(Job.PURGE)) == {}


def test_without_a_number_of_days_entries_stay_for_ever(start_service, own_registry, bucket):
    settings = {"database": {"url": own_registry.dsn}, "store": {"key_prefix": fresh_prefix()}}
    own_registry.rows(OLD_ENTRIES, 9999, 2)
    with start_service(**settings, maintenance={"audit_retention_days": ""}) as service:
        assert counts(Corner(service, bucket).run(Job.PURGE)) == {}
    assert own_registry.rows("SELECT count(*) FROM audit_entries") == [{"count": 2}]


def test_no_entry_holds_what_may_have_to_be_forgotten_or_kept_secret(corner, alice, own_registry):
    file = alice.post(
        "/files/upload",
        files={"file": ("private name.txt", b"private bytes")},
        data={"folder": "private folder", "description": "private words", "metadata": '{"private": "note"}'},
    ).json()
    path = f"/files/{file['id']}"
    alice.patch(path, json={"filename": "private too.txt", "metadata": {"private": "too"}})
    alice.put(f"{path}/content", content=b"private again")
    upload = begin(alice, PDF, "private.pdf", method="put")
    made = alice.post("/keys", json={"name": "private key"}).json()
    told_of = str(own_registry.rows("SELECT * FROM audit_entries"))
    for word in ("private", made["key"][12:], file["s3_key"], corner.bucket.name, upload["upload"]["url"], "http"):
        assert word not in told_of
    alice.delete(f"/files/uploads/{upload['file']['id']}")
