"""Purge and expire: what is due goes once, by any number of workers; what is not due stays."""

from __future__ import annotations

import pytest

from app.modules.maintenance.services.jobs import Job
from tests.support.direct import begin
from tests.support.faulty_store import faulty_store
from tests.support.maintenance import Corner, counts, fresh_prefix
from tests.support.states import expire


@pytest.fixture
def corner(own_corner):
    return own_corner


def deleted_days_ago(registry, file_id: str, days: int) -> None:
    registry.rows("UPDATE file_uploads SET deleted_at = now() - make_interval(days => $2) WHERE id = $1", file_id, days)


def test_soft_deleted_files_go_for_good_when_their_days_are_over(corner, alice, own_registry):
    files = [alice.put(f"/files/raw/{name}.txt", content=b"x").json() for name in ("old", "young", "kept")]
    old, young, kept = files
    for file in (old, young):
        alice.delete(f"/files/{file['id']}")
    deleted_days_ago(own_registry, old["id"], 31)
    deleted_days_ago(own_registry, young["id"], 29)
    before = corner.keys()
    assert counts(corner.run(Job.PURGE, dry_run=True)) == {"purged files": (1, 0)}
    assert corner.keys() == before
    report = corner.run(Job.PURGE)
    assert counts(report) == {"purged files": (1, 1)}
    assert report.findings[0].examples == (old["id"],)
    assert alice.get(f"/files/{old['id']}").status_code == 404
    assert alice.get(f"/files/{young['id']}").json()["status"] == "deleted"
    assert {corner.prefix + key for key in sorted(corner.keys())} == {young["s3_key"], kept["s3_key"]}


def test_without_a_number_of_days_nothing_is_ever_purged(start_service, bucket, registry):
    settings = {"file_cleanup_days": ""}
    with (
        start_service(store={"key_prefix": fresh_prefix()}, maintenance=settings) as service,
        service.client("a") as alice,
    ):
        assert service.settings.maintenance.file_cleanup_days is None
        file = alice.put("/files/raw/a.txt", content=b"x").json()
        alice.delete(f"/files/{file['id']}")
        deleted_days_ago(registry, file["id"], 9999)
        assert counts(Corner(service, bucket).run(Job.PURGE)) == {}
        assert alice.get(f"/files/{file['id']}").json()["status"] == "deleted"
        alice.delete(f"/files/{file['id']}", params={"hard_delete": True})


def ended_days_ago(registry, key: dict, **days: int) -> None:
    """Let a key have been revoked, or have expired, so long ago."""
    for column, since in days.items():
        query = f"UPDATE api_keys SET {column} = now() - make_interval(days => $2) WHERE id = $1"
        registry.rows(query, key["id"], since)


def test_api_keys_go_when_they_ended_long_enough_ago(corner, alice, own_registry):
    names = ("revoked", "expired", "both", "revoked lately", "expired lately", "live")
    revoked, expired, both, *kept = [alice.post("/keys", json={"name": name}).json() for name in names]
    ended_days_ago(own_registry, revoked, revoked_at=91, expires_at=-9)
    ended_days_ago(own_registry, expired, expires_at=91)
    ended_days_ago(own_registry, both, expires_at=91, revoked_at=1)
    ended_days_ago(own_registry, kept[0], revoked_at=89)
    ended_days_ago(own_registry, kept[1], expires_at=89)
    assert counts(corner.run(Job.PURGE, dry_run=True)) == {"purged API keys": (3, 0)}
    report = corner.run(Job.PURGE)
    assert counts(report) == {"purged API keys": (3, 3)}
    [keys] = [finding for finding in report.findings if finding.name == "purged API keys"]
    assert {*keys.examples} == {key["id"] for key in (revoked, expired, both)}
    assert [key["id"] for key in alice.get("/keys").json()["items"]] == [key["id"] for key in reversed(kept)]


def test_without_a_number_of_days_no_api_key_is_ever_purged(start_service, bucket, own_registry):
    alone = {"database": {"url": own_registry.dsn}, "maintenance": {"api_key_cleanup_days": ""}}
    with start_service(**alone) as service, service.client("alice") as alice:
        key = alice.post("/keys", json={"name": "old"}).json()
        ended_days_ago(own_registry, key, revoked_at=9999)
        for dry_run in (True, False):
            assert counts(Corner(service, bucket).run(Job.PURGE, dry_run=dry_run)) == {}
        assert [each["id"] for each in alice.get("/keys").json()["items"]] == [key["id"]]


def test_bytes_that_the_store_keeps_for_now_are_removed_later(start_service, parts, bucket, own_registry):
    with faulty_store(parts["S3_ENDPOINT_URL"]) as proxy:
        store = {"key_prefix": fresh_prefix(), "endpoint_url": proxy.endpoint_url, "read_timeout_seconds": 0.5}
        alone = {"database": {"url": own_registry.dsn}, "outbox": {"enabled": False}}
        with start_service(store=store, **alone) as service, service.client("alice") as alice:
            corner = Corner(service, bucket)
            file = alice.put("/files/raw/a.txt", content=b"x").json()
            alice.delete(f"/files/{file['id']}")
            deleted_days_ago(own_registry, file["id"], 31)
            proxy.cut_after(0, direction="up", matching="^DELETE .*_a.txt")
            assert counts(corner.run(Job.PURGE)) == {"purged files": (1, 1)}
            assert alice.get(f"/files/{file['id']}").status_code == 404
            assert bucket.has(file["s3_key"])
            proxy.heal()
            own_registry.rows("UPDATE outbox SET due_at = now()")
            assert counts(corner.run(Job.PURGE)) == {}
            assert not bucket.has(file["s3_key"])


def test_files_whose_time_has_come_are_deleted_as_of_that_time(corner, alice, own_registry):
    file = alice.put("/files/raw/a.txt", content=b"x").json()
    kept = alice.put("/files/raw/b.txt", content=b"x").json()
    expire(own_registry, file["id"])
    assert counts(corner.run(Job.EXPIRE, dry_run=True)) == {"expired files": (1, 0)}
    assert counts(corner.run(Job.EXPIRE)) == {"expired files": (1, 1)}
    [row] = own_registry.rows(
        "SELECT status, deleted_at = expires_at AS at_once FROM file_uploads WHERE id = $1", file["id"]
    )
    assert row == {"status": "deleted", "at_once": True}
    assert alice.get(f"/files/{kept['id']}").json()["status"] == "available"
    assert counts(corner.run(Job.EXPIRE)) == {}


def test_direct_uploads_whose_time_is_over_leave_nothing(corner, alice, own_registry):
    uploads = [begin(alice, b"x" * (9 << 20), "a.bin", method=method) for method in ("put", "multipart")]
    own_registry.rows(
        "UPDATE stored_objects SET lease_expires_at = now(), url_expires_at = now() - interval '2 hours'"
        " WHERE key LIKE $1",
        f"{corner.prefix}%",
    )
    assert counts(corner.run(Job.EXPIRE, dry_run=True)) == {"leftovers": (2, 0)}
    assert sum(done for _, done in counts(corner.run(Job.EXPIRE)).values()) == 2
    for upload in uploads:
        assert alice.get(f"/files/{upload['file']['id']}").status_code == 404
    assert [key for key in corner.bucket.unfinished() if key.startswith(corner.prefix)] == []
