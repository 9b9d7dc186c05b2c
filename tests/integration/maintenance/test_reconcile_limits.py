"""Reconcile stops where much is strange, believes no silence, goes on after a break, and runs once at a time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest

from app.core.s3.listing import PAUSES_SECONDS
from app.modules.maintenance.services import jobs, reconcile
from app.modules.maintenance.services.jobs import Job
from tests.support.faulty_store import faulty_store
from tests.support.maintenance import LEFTOVER, MISSING, UNKNOWN, Corner, counts, fresh_prefix


@pytest.fixture
def many(corner, registry):
    """So many known objects that a few strange ones are no more than 5 %; known as somebody else's."""

    def known(count: int = 40) -> None:
        for number in range(count):
            key = corner.put(f"known/{number:03}")
            registry.rows(
                "INSERT INTO stored_objects (id, key, file_id, role, state)"
                " VALUES (gen_random_uuid(), $1, gen_random_uuid(), 'foreign', 'stored')",
                key,
            )

    yield known
    for key in corner.bucket.all_keys():
        if key.startswith(f"{corner.prefix}known/"):
            corner.bucket.client.delete_object(Bucket=corner.bucket.name, Key=key)
    registry.rows("DELETE FROM stored_objects WHERE key LIKE $1", f"{corner.prefix}known/%")


def empty(corner: Corner, registry) -> None:
    """Let a test end with what it left on purpose."""
    corner.empty()
    registry.rows("DELETE FROM file_uploads WHERE current_object_id IN"
                  " (SELECT id FROM stored_objects WHERE key LIKE $1)", f"{corner.prefix}%")  # fmt: skip
    registry.rows("DELETE FROM stored_objects WHERE key LIKE $1", f"{corner.prefix}%")


@pytest.mark.parametrize(("known", "strange", "stops"), [(0, 1, False), (20, 2, True), (39, 2, False), (37, 2, True)])
def test_repair_stops_when_more_than_one_in_twenty_is_unknown(corner, many, known, strange, stops):
    many(known)
    for number in range(strange):
        corner.put(f"strange/{number}")
    before = corner.keys()
    report = corner.run(Job.RECONCILE)
    assert (report.stopped is not None) is stops
    assert report.is_well is not stops
    if stops:
        assert "--they-are-ours" in report.stopped
        assert corner.keys() == before
        assert corner.reconcile(ours=True) == {UNKNOWN: (strange, strange)}
    assert len(corner.aside()) == strange


def test_repair_stops_at_the_first_object_too_many(corner, many, monkeypatch):
    monkeypatch.setattr(reconcile, "MAX_STRANGE", 2)
    many(99)
    for number in range(3):
        corner.put(f"strange/{number}")
    corner.put(".holdfast/probe-x")
    before = corner.bucket.all_keys()
    report = corner.run(Job.RECONCILE)
    assert "More than 2 unknown objects" in report.stopped
    assert corner.bucket.all_keys() == before
    assert corner.reconcile(ours=True) == {UNKNOWN: (3, 3), LEFTOVER: (1, 1)}


def test_a_wrong_bucket_rejects_no_file(corner, bucket):
    bucket.client.create_bucket(Bucket=f"{bucket.name}-wrong")
    settings = corner.service.settings
    wrong_store = settings.store.model_copy(update={"bucket_name": f"{bucket.name}-wrong"})
    wrong = Corner(replace(corner.service, settings=settings.model_copy(update={"store": wrong_store})), bucket)
    with corner.service.client("alice") as alice:
        files = [alice.put("/files/raw/a.txt", content=b"hello").json() for _ in range(3)]
        report = wrong.run(Job.RECONCILE)
        assert "--they-are-lost" in report.stopped
        assert {alice.get(f"/files/{file['id']}").json()["status"] for file in files} == {"available"}
        bucket.client.delete_bucket(Bucket=f"{bucket.name}-wrong")
        # And one that isn't there at all is no reason to believe anything.
        gone = wrong.run(Job.RECONCILE, lost=True)
        assert "storage_misconfigured" in gone.failed
        assert {alice.get(f"/files/{file['id']}").json()["status"] for file in files} == {"available"}


def test_what_the_store_does_not_say_is_not_taken_for_missing(start_service, parts, bucket):
    with faulty_store(parts["S3_ENDPOINT_URL"]) as proxy:
        store = {"key_prefix": fresh_prefix(), "endpoint_url": proxy.endpoint_url, "read_timeout_seconds": 0.5}
        with start_service(store=store) as service, service.client("alice") as alice:
            file = alice.put("/files/raw/a.txt", content=b"hello").json()
            corner = Corner(service, bucket)
            bucket.client.delete_object(Bucket=bucket.name, Key=file["s3_key"])
            proxy.cut_after(0, direction="down", matching="^HEAD .*_a.txt")
            assert counts(corner.run(Job.RECONCILE)) == {"unclear": (1, 0)}
            assert alice.get(f"/files/{file['id']}").json()["status"] == "available"
            proxy.heal()
            assert corner.reconcile() == {MISSING: (1, 1)}


def test_a_break_goes_on_where_it_was(start_service, parts, bucket, registry, monkeypatch):
    """Two pages; the store goes away before the second, for longer than anybody is patient."""
    monkeypatch.setattr("app.core.s3.listing.PAUSES_SECONDS", PAUSES_SECONDS[:0])
    prefix = fresh_prefix()
    for number in range(1001):
        bucket.client.put_object(Bucket=bucket.name, Key=f"{prefix}{number:04}", Body=b"x")
    with faulty_store(parts["S3_ENDPOINT_URL"]) as proxy:
        store = {"key_prefix": prefix, "endpoint_url": proxy.endpoint_url, "read_timeout_seconds": 5}
        with start_service(store=store) as service:
            corner = Corner(service, bucket)
            registry.rows(
                "INSERT INTO stored_objects (id, key, file_id, role, state) SELECT gen_random_uuid(),"
                " $1 || lpad(n::text, 4, '0'), gen_random_uuid(), 'foreign', 'stored' FROM generate_series(0, 999) n",
                prefix,
            )
            proxy.cut_after(0, direction="down", matching="continuation-token")
            broken = corner.run(Job.RECONCILE)
            assert broken.failed
            assert broken.looked_at["objects"] == 1000
            proxy.heal()
            whole = corner.run(Job.RECONCILE)
            assert whole.looked_at == {"objects": 1001, "rows": 1000}
            assert counts(whole) == {UNKNOWN: (1, 1)}
            listed = [line for line in proxy.requests if "list-type=2" in line and "start-after=" in line]
            assert len(listed) == 1
            again = corner.run(Job.RECONCILE)
            assert again.looked_at["objects"] == 1000
            empty(corner, registry)


def test_a_store_that_is_too_busy_for_a_moment_is_asked_again(start_service, parts, bucket, monkeypatch):
    monkeypatch.setattr("app.core.s3.listing.PAUSES_SECONDS", (0.01, 0.01))
    with (
        faulty_store(parts["S3_ENDPOINT_URL"]) as proxy,
        start_service(store={"key_prefix": fresh_prefix(), "endpoint_url": proxy.endpoint_url}) as service,
    ):
        corner = Corner(service, bucket)
        corner.put("a.txt")
        proxy.cut_after(0, direction="down", matching="list-type=2", times=4)
        assert corner.reconcile() == {UNKNOWN: (1, 1)}


def test_two_at_once_take_turns(corner, many):
    many(100)
    for number in range(4):
        corner.put(f"strange/{number}")

    async def both(service):
        return await asyncio.gather(*(service.run(Job.RECONCILE, jobs.Options()) for _ in range(2)))

    found = sorted(counts(report).get(UNKNOWN, (0, 0)) for report in corner.with_service(both))
    assert found == [(0, 0), (4, 4)]


def test_the_second_says_so_when_the_first_takes_too_long(corner, registry):
    registry.rows(
        "INSERT INTO maintenance_jobs (job, holder, lease_expires_at)"
        " VALUES ('reconcile', $1, now() + interval '1 min')"
        " ON CONFLICT (job) DO UPDATE SET holder = $1, lease_expires_at = now() + interval '1 min'",
        UUID(int=1),
    )
    report = corner.run(Job.RECONCILE, wait_seconds=0.1)
    assert "another process" in report.failed
    # A dry run changes nothing, so it needs nobody's leave; and a dead process's lease runs out.
    assert corner.run(Job.RECONCILE, dry_run=True).is_well
    registry.rows("UPDATE maintenance_jobs SET lease_expires_at = now() WHERE job = 'reconcile'")
    assert corner.run(Job.RECONCILE, wait_seconds=5).is_well
