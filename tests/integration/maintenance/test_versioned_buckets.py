"""A bucket that keeps versions, or once did: hard delete really erases, and nothing but exactly that key (case 87)."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from app.composition import composed
from app.modules.maintenance.services.jobs import Job
from tests import samples
from tests.support.direct import begin, complete, post_form, put, send
from tests.support.maintenance import Corner, counts
from tests.support.service import wait_until
from tests.support.states import hard_delete
from tests.support.stores import Bucket


def set_versioning(bucket: Bucket, status: str) -> None:
    bucket.client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": status})


@pytest.fixture
def versioned(bucket):
    """A bucket of its own that keeps versions."""
    own = Bucket(bucket.client, f"versioned-{uuid4().hex[:12]}")
    own.client.create_bucket(Bucket=own.name)
    try:
        set_versioning(own, "Enabled")
    except ClientError as error:
        pytest.skip(f"this store keeps no versions: {error}")
    return own


@pytest.fixture
def corner(start_service, versioned, own_registry):
    """With a registry of its own: others' services would look for what it removes in the suite's own bucket."""
    alone = {"bucket_name": versioned.name, "key_prefix": f"v-{uuid4().hex[:8]}/"}
    with start_service(store=alone, database={"url": own_registry.dsn}) as service:
        yield Corner(service, versioned)


def kept(corner, key: str = "") -> list[tuple[str, bool]]:
    """Every version and marker below the prefix but the probes', as (key, is a marker)."""
    answer = corner.bucket.client.list_object_versions(Bucket=corner.bucket.name, Prefix=key or corner.prefix)
    found = [(item["Key"], False) for item in answer.get("Versions", [])]
    found += [(item["Key"], True) for item in answer.get("DeleteMarkers", [])]
    return sorted(item for item in found if "/.holdfast/probe-" not in item[0])


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
def test_hard_delete_leaves_no_version_and_no_marker_of_exactly_that_key(corner, alice, own_registry, status):
    """Case 87."""
    file = alice.put("/files/raw/a.txt", content=b"secret").json()
    key = file["s3_key"]
    corner.bucket.client.put_object(Bucket=corner.bucket.name, Key=key, Body=b"again")
    corner.bucket.client.delete_object(Bucket=corner.bucket.name, Key=key)
    corner.bucket.client.put_object(Bucket=corner.bucket.name, Key=key, Body=b"and again")
    longer = [f"{key}.bak", f"{key}/x"]
    for each in longer:
        corner.bucket.client.put_object(Bucket=corner.bucket.name, Key=each, Body=b"another's")
    set_versioning(corner.bucket, status)
    assert len(kept(corner, key)) == 6
    hard_delete(alice, own_registry, file)
    assert kept(corner) == [(each, False) for each in longer]


@pytest.mark.parametrize("method", ["put", "post"])
def test_an_uploads_url_leaves_no_version_of_what_it_wrote(corner, alice, own_registry, capabilities, method):
    """Neither of what was copied from there, nor of what it writes again and again while it lives."""
    if method == "post" and not capabilities["post_policy"]:
        return
    content = samples.pdf()
    upload = begin(alice, content, "report.pdf", method=method, expiry=604_800)
    send(alice, upload, content)
    file = complete(alice, upload).json()
    path = "SELECT key FROM stored_objects WHERE file_id = $1 AND role = 'staging'"
    [staging] = own_registry.rows(path, file["id"])
    wait_until(lambda: kept(corner) == [(file["s3_key"], False)])
    for _ in range(3):
        answer = put(upload, content) if method == "put" else post_form(upload, content)
        assert answer.status_code in {200, 204, 412}
    assert len(kept(corner, staging["key"])) == (1 if capabilities["conditional_put"] and method == "put" else 3)
    asyncio.run(cleared(corner.service.settings))
    assert kept(corner) == [(file["s3_key"], False)]
    assert alice.get(f"/files/{file['id']}/download").content == content


async def cleared(settings) -> None:
    """As every process does it now and then."""
    async with composed(settings.without_outbox()) as parts:
        await parts.files.removal.clear_staging()


def test_soft_delete_touches_no_object(corner, alice):
    """Case 87."""
    file = alice.put("/files/raw/a.txt", content=b"hello").json()
    before = kept(corner)
    alice.delete(f"/files/{file['id']}")
    assert kept(corner) == before == [(file["s3_key"], False)]
    alice.post(f"/files/{file['id']}/restore")
    assert alice.get(f"/files/{file['id']}/download").content == b"hello"


@pytest.mark.timeout(400)
def test_more_versions_than_a_page_holds_are_all_erased(corner, alice, own_registry):
    file = alice.put("/files/raw/a.txt", content=b"0").json()
    for number in range(1005):
        corner.bucket.client.put_object(Bucket=corner.bucket.name, Key=file["s3_key"], Body=str(number).encode())
    hard_delete(alice, own_registry, file, patience_seconds=200)
    assert kept(corner) == []


def test_the_write_probe_leaves_nothing_behind(corner):
    assert corner.service.client(None).get(f"{corner.service.base_url}/health/ready").status_code == 200
    listed = corner.bucket.client.list_object_versions(Bucket=corner.bucket.name, Prefix=corner.prefix)
    assert (listed.get("Versions", []), listed.get("DeleteMarkers", [])) == ([], [])


def test_reconcile_removes_hidden_versions_of_what_was_removed(corner, alice, own_registry):
    file = alice.put("/files/raw/a.txt", content=b"hello").json()
    hard_delete(alice, own_registry, file)
    corner.put(file["s3_key"].removeprefix(corner.prefix), b"late")
    corner.bucket.client.delete_object(Bucket=corner.bucket.name, Key=file["s3_key"])
    assert kept(corner) == [(file["s3_key"], False), (file["s3_key"], True)]
    assert corner.reconcile(dry_run=True) == {"leftover objects": (2, 0)}
    assert corner.reconcile() == {"leftover objects": (2, 2)}
    assert kept(corner) == []


def test_reconcile_keeps_the_version_that_was_verified_and_removes_those_before_it(corner, alice, own_registry):
    file = alice.put("/files/raw/a.txt", content=b"hello").json()
    corner.put(file["s3_key"].removeprefix(corner.prefix), b"hello")  # As a PUT that was sent twice leaves it.
    [head] = [corner.bucket.client.head_object(Bucket=corner.bucket.name, Key=file["s3_key"])]
    own_registry.rows("UPDATE stored_objects SET version_id = $1 WHERE key = $2", head["VersionId"], file["s3_key"])
    assert len(kept(corner)) == 2
    assert corner.reconcile() == {"leftover objects": (1, 1)}
    assert kept(corner) == [(file["s3_key"], False)]
    assert alice.get(f"/files/{file['id']}/download").content == b"hello"


def test_a_hidden_object_is_missing_but_its_version_stays(corner, alice):
    file = alice.put("/files/raw/a.txt", content=b"hello").json()
    marker = corner.bucket.client.delete_object(Bucket=corner.bucket.name, Key=file["s3_key"])["VersionId"]
    assert corner.reconcile() == {"missing objects": (1, 1)}
    assert (file["s3_key"], False) in kept(corner)
    assert corner.reconcile() == {}
    corner.bucket.client.delete_object(Bucket=corner.bucket.name, Key=file["s3_key"], VersionId=marker)
    assert corner.reconcile() == {"objects found again": (1, 1)}
    assert alice.get(f"/files/{file['id']}/download").content == b"hello"


def test_every_version_of_an_unknown_object_is_moved_aside_before_it_is_removed(corner):
    key = corner.put("a.txt", b"first")
    corner.put("a.txt", b"second")
    corner.put("b.txt", b"hidden")
    corner.bucket.client.delete_object(Bucket=corner.bucket.name, Key=f"{corner.prefix}b.txt")
    assert corner.reconcile(ours=True) == {"unknown objects": (3, 3), "leftover objects": (1, 1)}
    aside = sorted(corner.bucket.read(corner.prefix + each) for each in corner.aside())
    assert aside == [b"first", b"hidden", b"second"]
    assert kept(corner, key) == []
    assert corner.reconcile() == {}
    newest = max(corner.listed_aside(), key=lambda each: each.size_bytes or 0)
    corner.with_service(lambda service: service.quarantine.restore(newest.id))
    assert corner.reconcile() == {}
    report = corner.run(Job.SCRUB, dry_run=True)
    assert "damaged objects" not in counts(report)
