"""Scrub: reads everything back, finds the bit that flipped, fills in what was never computed."""

from __future__ import annotations

import hashlib
import threading

import pytest

from app.modules.maintenance.services import scrub
from app.modules.maintenance.services.jobs import Job
from app.modules.maintenance.services.scrub import Pace
from tests.support.content import noise
from tests.support.direct import begin, complete, send_parts
from tests.support.faulty_store import faulty_store
from tests.support.maintenance import Corner, counts, fresh_prefix
from tests.support.service import wait_until

DAMAGED, FILLED = "damaged objects", "checksums filled in"


@pytest.fixture(autouse=True)
def nothing_else_to_scrub(registry):
    """Scrub reads all that the registry has; what other tests left is put out of its sight meanwhile."""
    hide = "UPDATE stored_objects SET role = 'staging' WHERE role = 'content' AND state = 'stored' RETURNING id"
    hidden = [row["id"] for row in registry.rows(hide)]
    yield
    registry.rows("UPDATE stored_objects SET role = 'content' WHERE id = ANY($1)", hidden)


def flip_a_bit(corner, registry, file: dict) -> None:
    """As a rotten disk does it: the store tells the same size, and the ETag that the ledger has."""
    content = bytearray(corner.bucket.read(file["s3_key"]))
    content[len(content) // 2] ^= 1
    etag = corner.bucket.client.put_object(Bucket=corner.bucket.name, Key=file["s3_key"], Body=bytes(content))["ETag"]
    registry.rows("UPDATE stored_objects SET etag = $1 WHERE key = $2", etag, file["s3_key"])


def test_a_flipped_bit_is_found_and_the_bytes_are_kept(corner, alice, registry):
    whole = alice.put("/files/raw/whole.bin", content=noise(3 << 20)).json()
    file = alice.put("/files/raw/a.bin", content=noise(3 << 20)).json()
    assert corner.run(Job.SCRUB).is_well
    flip_a_bit(corner, registry, file)
    assert corner.run(Job.RECONCILE).is_well
    dry = corner.run(Job.SCRUB, dry_run=True)
    assert (counts(dry), dry.is_well) == ({DAMAGED: (1, 0)}, False)
    assert alice.get(f"/files/{file['id']}").json()["status"] == "available"

    report = corner.run(Job.SCRUB)
    assert (counts(report), report.is_well) == ({DAMAGED: (1, 1)}, False)
    assert report.looked_at == {"objects": 2, "bytes": 6 << 20}
    record = alice.get(f"/files/{file['id']}").json()
    assert (record["status"], record["rejection"]["code"]) == ("rejected", "content_damaged")
    assert alice.get(f"/files/{file['id']}/download").status_code == 409
    assert file["s3_key"] in corner.bucket.all_keys()
    assert alice.get(f"/files/{whole['id']}").json()["status"] == "available"


def test_a_missing_checksum_is_filled_in(corner, alice):
    content = noise(6 << 20)
    upload = begin(alice, content, "a.bin", method="multipart", part_size=5 << 20)
    send_parts(alice, upload, content, [1, 2])
    file = complete(alice, upload).json()
    assert file["checksum_sha256"] is None
    assert counts(corner.run(Job.SCRUB, dry_run=True)) == {FILLED: (1, 0)}
    assert counts(corner.run(Job.SCRUB)) == {FILLED: (1, 1)}
    record = alice.get(f"/files/{file['id']}").json()
    sha256 = hashlib.sha256(content).hexdigest()
    assert (record["checksum_sha256"], record["etag"]) == (sha256, f'"sha256-{sha256}"')
    assert record["version"] == file["version"] + 1
    assert alice.get(f"/files/{file['id']}/download").headers["ETag"] == f'"sha256-{sha256}"'


def test_a_pass_reads_only_what_it_did_not_read_lately_and_the_command_reads_all(corner, alice, registry):
    keys = [alice.put(f"/files/raw/{name}.bin", content=b"x" * 9).json()["s3_key"] for name in "ab"]
    assert corner.run(Job.SCRUB, whole=False).looked_at == {}
    registry.rows("UPDATE stored_objects SET created_at = now() - interval '31 days' WHERE key = $1", keys[0])
    assert corner.run(Job.SCRUB, whole=False).looked_at == {"objects": 1, "bytes": 9}
    assert corner.run(Job.SCRUB, whole=False).looked_at == {}
    assert corner.run(Job.SCRUB).looked_at == {"objects": 2, "bytes": 18}


def test_what_is_missing_or_cannot_be_read_is_no_damage(start_service, parts, bucket):
    with faulty_store(parts["S3_ENDPOINT_URL"]) as proxy:
        store = {"key_prefix": fresh_prefix(), "endpoint_url": proxy.endpoint_url, "read_timeout_seconds": 1}
        with start_service(store=store) as service, service.client("alice") as alice:
            corner = Corner(service, bucket)
            gone, cut = (alice.put(f"/files/raw/{name}.bin", content=noise(200_000)).json() for name in "ab")
            bucket.client.delete_object(Bucket=bucket.name, Key=gone["s3_key"])
            proxy.cut_after(1000, direction="down", matching="^GET .*_b.bin")
            report = corner.run(Job.SCRUB)
            assert counts(report) == {"objects not there": (1, 0), "objects not read": (1, 0)}
            assert not report.is_well
            assert {alice.get(f"/files/{file['id']}").json()["status"] for file in (gone, cut)} == {"available"}
            proxy.heal()
            corner.run(Job.RECONCILE)
            assert counts(corner.run(Job.SCRUB)) == {}


def test_what_changes_while_it_is_read_is_judged_by_whoever_changed_it(start_service, parts, bucket, registry):
    """The row is compared again when the verdict is written: another object's verdict counts for nothing."""
    with faulty_store(parts["S3_ENDPOINT_URL"]) as proxy:
        store = {"key_prefix": fresh_prefix(), "endpoint_url": proxy.endpoint_url}
        with start_service(store=store) as service, service.client("alice") as alice:
            corner = Corner(service, bucket)
            file = alice.put("/files/raw/a.bin", content=noise(3 << 20)).json()
            registry.rows("UPDATE stored_objects SET sha256 = repeat('0', 64) WHERE key = $1", file["s3_key"])
            proxy.stall_after(1 << 20, direction="down", matching="^GET .*_a.bin")
            reports = []
            thread = threading.Thread(target=lambda: reports.append(corner.run(Job.SCRUB)))
            thread.start()
            assert proxy.stalled.acquire(timeout=10)
            registry.rows("UPDATE stored_objects SET sha256 = repeat('1', 64) WHERE key = $1", file["s3_key"])
            proxy.heal()
            thread.join(30)
            assert counts(reports[0]) == {}
            assert alice.get(f"/files/{file['id']}").json()["status"] == "available"


def test_a_break_goes_on_with_what_was_not_read_yet(corner, alice, registry, monkeypatch):
    monkeypatch.setattr(scrub, "BATCH", 2)
    for number in range(5):
        alice.put(f"/files/raw/{number}.bin", content=b"x" * 10)
    report = corner.run(Job.SCRUB, scrub_seconds=0)
    assert report.looked_at == {}
    begun = "(SELECT now())::timestamptz"
    registry.rows(
        "UPDATE stored_objects SET scrubbed_at = now() WHERE id IN (SELECT id FROM stored_objects"
        " WHERE key LIKE $1 ORDER BY created_at LIMIT 3)",
        f"{corner.prefix}%",
    )
    [row] = registry.rows(f"SELECT to_json({begun} - interval '1 minute')::text AS begun")
    registry.rows("UPDATE stored_objects SET created_at = now() - interval '1 hour' WHERE key LIKE $1",
                  f"{corner.prefix}%")  # fmt: skip
    registry.rows(
        "UPDATE maintenance_jobs SET cursor = jsonb_build_object('begun', $1::text, 'tally', jsonb_build_object("
        "'looked_at', '{\"objects\": 3}'::jsonb, 'found', '{}'::jsonb, 'done', '{}'::jsonb, 'examples', '{}'::jsonb))"
        " WHERE job = 'scrub'",
        row["begun"].strip('"'),
    )
    assert corner.run(Job.SCRUB).looked_at == {"objects": 5, "bytes": 20}
    assert corner.run(Job.SCRUB).looked_at == {"objects": 5, "bytes": 50}


async def test_the_pace_is_kept_and_time_that_passed_unused_is_not_made_up_for():
    now, slept = [0.0], []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(100, clock=lambda: now[0], sleep=sleep)
    await pace.keep(50)
    await pace.keep(100)
    now[0] += 60
    await pace.keep(200)
    assert slept == [0.5, 1.0, 2.0]


def test_scrub_reads_as_fast_as_it_was_told(start_service, bucket):
    settings = {"scrub_mb_per_second": 4}
    with start_service(store={"key_prefix": fresh_prefix()}, maintenance=settings) as service:
        with service.client("alice") as alice:
            alice.put("/files/raw/a.bin", content=noise(4 << 20))
        assert 1.0 <= Corner(service, bucket).run(Job.SCRUB).seconds < 5


def test_one_of_the_processes_runs_a_pass_by_itself(start_service, bucket, registry):
    """Every interval, in whichever process gets the lease."""
    registry.rows("DELETE FROM maintenance_jobs")
    store, settings = (
        {"key_prefix": fresh_prefix()},
        {"maintenance_interval_seconds": 0.5, "reconcile_grace_seconds": 0},
    )
    with (
        start_service(store=store, maintenance=settings) as first,
        start_service(store=store, maintenance=settings) as second,
    ):
        corner = Corner(first, bucket)
        corner.put("a.txt")
        wait_until(lambda: len(corner.aside()) == 1)
        assert second.settings.store.key_prefix == corner.prefix
        assert len(corner.aside()) == 1
    passes = "SELECT job, holder, last_report->>'is_well' AS is_well FROM maintenance_jobs WHERE job <> 'scrub'"
    assert {row["job"] for row in registry.rows(passes)} == {"pass", "reconcile"}
