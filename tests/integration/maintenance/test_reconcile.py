"""Reconcile: whatever registry and bucket disagree about is found and put right, and nothing else is touched."""

from __future__ import annotations

import json

import pytest

from app.modules.maintenance.reports import as_json, as_table
from app.modules.maintenance.services import jobs
from app.modules.maintenance.services.jobs import Job
from tests.support.faulty_store import faulty_store
from tests.support.maintenance import LEFTOVER, MISSING, UNKNOWN, Corner, counts, fresh_prefix
from tests.support.service import wait_until
from tests.support.states import hard_delete


@pytest.fixture
def upload(alice):
    def send(content: bytes = b"hello", filename: str = "a.txt") -> dict:
        answer = alice.put(f"/files/raw/{filename}", content=content)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return send


def test_where_all_is_well_nothing_is_found_and_nothing_changes(corner, upload):
    upload(), upload()
    before = corner.keys()
    report = corner.run(Job.RECONCILE)
    assert report.is_well
    assert counts(report) == {}
    assert report.looked_at == {"objects": 2, "rows": 2}
    assert corner.keys() == before


def test_an_unknown_object_is_moved_aside_listed_and_restored_as_it_was(corner, registry):
    key = corner.put("a b/ünïcode+&%2F.txt", ContentType="text/x-own", Metadata={"own": "yes"})
    assert corner.reconcile(dry_run=True) == {UNKNOWN: (1, 0)}
    assert corner.keys() == {key.removeprefix(corner.prefix)}
    assert corner.reconcile() == {UNKNOWN: (1, 1)}
    [aside] = corner.aside()
    assert corner.keys() == {aside}
    [listed] = corner.listed_aside()
    assert (listed.original_key, listed.size_bytes) == (key, 15)
    assert corner.reconcile() == {}

    assert corner.with_service(lambda service: service.quarantine.restore(listed.id)) == key
    wait_until(lambda: corner.keys() == {key.removeprefix(corner.prefix)})
    back = corner.bucket.client.get_object(Bucket=corner.bucket.name, Key=key)
    assert (back["Body"].read(), back["ContentType"], back["Metadata"]) == (
        b"somebody else's", "text/x-own", {"own": "yes"},
    )  # fmt: skip
    assert corner.reconcile() == {}
    # Its owner may do with it what they like.
    corner.put(key.removeprefix(corner.prefix), b"written again")
    assert corner.reconcile() == {}
    corner.bucket.client.delete_object(Bucket=corner.bucket.name, Key=key)
    assert corner.reconcile() == {"foreign objects gone": (1, 1)}
    assert registry.rows("SELECT 1 FROM stored_objects WHERE key = $1", key) == []


def test_an_object_is_not_restored_over_another(corner):
    key = corner.put("a.txt")
    corner.reconcile()
    [listed] = corner.listed_aside()
    corner.put("a.txt", b"came since")
    with pytest.raises(Exception, match="under the original key again"):
        corner.with_service(lambda service: service.quarantine.restore(listed.id))
    assert corner.bucket.read(key) == b"came since"
    corner.reconcile()
    assert len(corner.aside()) == 2


def test_what_lay_aside_long_enough_is_purged(corner, registry):
    corner.put("a.txt")
    corner.reconcile()
    assert counts(corner.run(Job.PURGE)) == {}
    mine = f"{corner.prefix}%"
    registry.rows("UPDATE stored_objects SET created_at = now() - interval '8 days' WHERE key LIKE $1", mine)
    assert counts(corner.run(Job.PURGE, dry_run=True)) == {"purged quarantine": (1, 0)}
    assert counts(corner.run(Job.PURGE)) == {"purged quarantine": (1, 1)}
    wait_until(lambda: corner.keys() == set())


def test_large_unknown_objects_are_moved_by_parts(corner):
    body = bytes(range(256)) * 4096 * 12
    corner.put("large.bin", body, ContentType="video/x-own")

    async def reconcile_with_a_small_limit(service):
        service.quarantine._copy_limit_bytes = 5 << 20
        return await service.run(Job.RECONCILE, jobs.Options())

    assert counts(corner.with_service(reconcile_with_a_small_limit)) == {UNKNOWN: (1, 1)}
    [aside] = corner.aside()
    moved = corner.bucket.client.get_object(Bucket=corner.bucket.name, Key=corner.prefix + aside)
    assert (moved["Body"].read() == body, moved["ContentType"]) == (True, "video/x-own")


def test_an_object_younger_than_the_grace_is_left_alone(start_service, bucket):
    store, maintenance = {"key_prefix": fresh_prefix()}, {"reconcile_grace_seconds": 3600}
    with start_service(store=store, maintenance=maintenance) as service:
        young = Corner(service, bucket)
        key = young.put("young.txt")
        assert young.reconcile() == {}
        assert key in bucket.all_keys()
        bucket.client.delete_object(Bucket=bucket.name, Key=key)


def test_neighbours_outside_of_the_prefix_are_neither_listed_nor_touched(start_service, parts, bucket):
    name = fresh_prefix()[:-1]
    neighbours = [f"{name}", f"{name}-b/x", f"{name}.txt", f"{name}0/x", f"other-{name}/x", f"{name[:-1]}/x"]
    for key in neighbours:
        bucket.client.put_object(Bucket=bucket.name, Key=key, Body=b"a neighbour's")
    begun = bucket.client.create_multipart_upload(Bucket=bucket.name, Key=f"{name}-b/y")["UploadId"]
    try:
        with faulty_store(parts["S3_ENDPOINT_URL"]) as proxy:
            store = {"key_prefix": f"{name}/", "endpoint_url": proxy.endpoint_url}
            with start_service(store=store) as service:
                corner = Corner(service, bucket)
                corner.put("mine")
                assert corner.reconcile() == {UNKNOWN: (1, 1)}
                corner.run(Job.SCRUB)
        listings = [line for line in proxy.requests if "prefix=" in line]
        assert listings
        assert all(f"prefix={name}%2F" in line for line in listings)
        assert [key for key in neighbours if key in bucket.all_keys()] == neighbours
        assert f"{name}-b/y" in bucket.unfinished()
    finally:
        for key in neighbours:
            bucket.client.delete_object(Bucket=bucket.name, Key=key)
        bucket.client.abort_multipart_upload(Bucket=bucket.name, Key=f"{name}-b/y", UploadId=begun)


def test_a_deleted_object_is_found_and_its_file_rejected_until_it_is_back(corner, alice, upload):
    file = upload(b"precious")
    key = file["s3_key"]
    corner.bucket.client.delete_object(Bucket=corner.bucket.name, Key=key)
    dry = corner.run(Job.RECONCILE, dry_run=True)
    assert (counts(dry), dry.is_well) == ({MISSING: (1, 0)}, False)
    assert alice.get(f"/files/{file['id']}").json()["status"] == "available"

    report = corner.run(Job.RECONCILE)
    assert (counts(report), report.is_well) == ({MISSING: (1, 1)}, False)
    assert [each.examples for each in report.findings if each.found] == [(key,)]
    record = alice.get(f"/files/{file['id']}").json()
    assert (record["status"], record["rejection"]["code"]) == ("rejected", "content_lost")
    assert alice.get(f"/files/{file['id']}/download").status_code == 409
    assert corner.run(Job.RECONCILE).is_well

    corner.bucket.client.put_object(Bucket=corner.bucket.name, Key=key, Body=b"precious")
    assert corner.reconcile() == {"objects found again": (1, 1)}
    record = alice.get(f"/files/{file['id']}").json()
    assert (record["status"], record["rejection"], record["version"]) == ("available", None, file["version"] + 2)
    assert alice.get(f"/files/{file['id']}/download").content == b"precious"


def test_a_soft_deleted_file_whose_object_was_lost_and_found_is_still_deleted(corner, alice, upload):
    file = upload()
    alice.delete(f"/files/{file['id']}")
    corner.bucket.client.delete_object(Bucket=corner.bucket.name, Key=file["s3_key"])
    corner.reconcile()
    assert alice.post(f"/files/{file['id']}/restore").status_code == 409
    corner.put(file["s3_key"].removeprefix(corner.prefix), b"hello")
    corner.reconcile()
    assert alice.get(f"/files/{file['id']}").json()["status"] == "deleted"
    assert alice.post(f"/files/{file['id']}/restore").json()["status"] == "available"


def test_a_lost_object_of_a_file_deleted_since_is_removed_when_it_is_back(corner, alice, registry, upload):
    file = upload()
    corner.bucket.client.delete_object(Bucket=corner.bucket.name, Key=file["s3_key"])
    corner.reconcile()
    hard_delete(alice, registry, file)
    corner.put(file["s3_key"].removeprefix(corner.prefix), b"hello")
    assert corner.reconcile() == {LEFTOVER: (1, 1)}
    assert corner.keys() == set()


def test_other_bytes_under_a_key_are_damage_and_stay_where_they_are(corner, alice, upload):
    file = upload(b"right")
    corner.put(file["s3_key"].removeprefix(corner.prefix), b"wrong")
    report = corner.run(Job.RECONCILE)
    assert (counts(report), report.is_well) == ({"changed objects": (1, 1)}, False)
    assert alice.get(f"/files/{file['id']}").json()["rejection"]["code"] == "content_damaged"
    assert corner.bucket.read(file["s3_key"]) == b"wrong"
    # From a backup: the same bytes have the same ETag, and scrub reads them.
    corner.put(file["s3_key"].removeprefix(corner.prefix), b"right")
    assert corner.run(Job.RECONCILE).is_well
    assert counts(corner.run(Job.SCRUB)) == {"objects whole again": (1, 1)}
    assert alice.get(f"/files/{file['id']}").json()["status"] == "available"


def test_an_object_written_after_its_removal_is_ours_and_removed_again(corner, alice, registry, upload):
    file = upload()
    hard_delete(alice, registry, file)
    corner.put(file["s3_key"].removeprefix(corner.prefix), b"late")
    assert corner.reconcile() == {LEFTOVER: (1, 1)}
    assert corner.keys() == set()


def test_old_probes_and_unknown_staging_objects_are_removed_without_ado(corner):
    for name in ("probe-0", "staging/0", "trial-0/1", "quarantine/0/a.txt"):
        corner.put(f".holdfast/{name}")
    assert corner.reconcile() == {LEFTOVER: (2, 2)}
    # A trial may be running, and what lies aside without a row is kept as long as with one.
    assert corner.keys() == {".holdfast/trial-0/1", ".holdfast/quarantine/0/a.txt"}
    for key in sorted(corner.keys()):
        corner.bucket.client.delete_object(Bucket=corner.bucket.name, Key=corner.prefix + key)


def test_unfinished_multipart_uploads_that_nobody_goes_on_with_are_aborted(corner, alice):
    client, name = corner.bucket.client, corner.bucket.name
    client.create_multipart_upload(Bucket=name, Key=f"{corner.prefix}a b+c.bin")
    wish = {"filename": "a.pdf", "content_type": "application/pdf", "file_size": 9 << 20, "method": "multipart"}
    ours = alice.post("/files/uploads", json=wish).json()
    assert corner.reconcile(dry_run=True) == {"unfinished uploads": (1, 0)}
    assert corner.reconcile() == {"unfinished uploads": (1, 1)}
    [left] = [key for key in corner.bucket.unfinished() if key.startswith(corner.prefix)]
    assert "a b+c.bin" not in left  # Ours, under its final key or in staging, as the store allows.
    assert alice.delete(f"/files/uploads/{ours['file']['id']}").status_code == 204


def test_reports_are_read_by_people_and_by_machines(corner):
    key = corner.put("a.txt")
    report = corner.run(Job.RECONCILE, dry_run=True)
    assert key in as_table([report])
    parsed = json.loads(as_json([report]))
    assert parsed["is_well"] is False
    [unknown] = [each for each in parsed["reports"][0]["findings"] if each["found"]]
    assert unknown == {"name": UNKNOWN, "gravity": "wrong", "found": 1, "done": 0, "examples": [key]}
    with pytest.raises(AttributeError):
        report.stopped = "no"
    corner.reconcile()
