"""Checksums of parts: stores differ in whether they must know of them when an upload begins."""

from __future__ import annotations

import base64
import hashlib

import httpx
import pytest

from app.config import MEBIBYTE
from tests.support.content import noise
from tests.support.direct import begin, complete
from tests.support.service import wait_until

CONTENT = noise(6 * MEBIBYTE)
PART_BYTES = 5 * MEBIBYTE
PARTS = {1: CONTENT[:PART_BYTES], 2: CONTENT[PART_BYTES:]}
CHECKSUMS = {str(number): hashlib.sha256(part).hexdigest() for number, part in PARTS.items()}


def begin_parts(client, **wish) -> dict:
    return begin(client, CONTENT, "data.bin", method="multipart", part_size=PART_BYTES, **wish)


def sign(client, upload: dict, checksums: dict[str, str]) -> httpx.Response:
    wanted = {"part_numbers": [1, 2], "checksums": checksums}
    return client.post(f"/files/uploads/{upload['file']['id']}/parts", json=wanted)


def abort(client, upload: dict) -> None:
    assert client.delete(f"/files/uploads/{upload['file']['id']}").status_code == 204


@pytest.mark.parametrize("is_announced", [True, False])
def test_parts_with_checksums_become_a_file(alice, capabilities, is_announced):
    if not (is_announced or capabilities["optional_part_checksums"]):
        return
    upload = begin_parts(alice, part_checksums=is_announced)
    for part in sign(alice, upload, CHECKSUMS).json()["parts"]:
        content = PARTS[part["part_number"]]
        wrong = httpx.put(part["url"], headers=part["headers"], content=bytes(len(content)))
        right = httpx.put(part["url"], headers=part["headers"], content=content)
        assert (400 <= wrong.status_code < 500, right.status_code) == (True, 200), right.text
    if is_announced and capabilities["part_checksums"]:
        parts = alice.get(f"/files/uploads/{upload['file']['id']}").json()["parts"]
        assert {str(part["part_number"]): part["checksum_sha256"] for part in parts} == CHECKSUMS
    answer = complete(alice, upload)
    assert answer.status_code == 200, answer.text
    assert alice.get(f"/files/{upload['file']['id']}/download").content == CONTENT


def test_a_store_that_was_told_of_checksums_keeps_that_of_all_parts(alice, bucket, capabilities):
    if not capabilities["part_checksums"]:
        return
    upload = begin_parts(alice, part_checksums=True)
    for part in sign(alice, upload, CHECKSUMS).json()["parts"]:
        httpx.put(part["url"], headers=part["headers"], content=PARTS[part["part_number"]])
    key = complete(alice, upload).json()["s3_key"]
    head = bucket.client.head_object(Bucket=bucket.name, Key=key, ChecksumMode="ENABLED")
    digests = b"".join(bytes.fromhex(checksum) for checksum in CHECKSUMS.values())
    of_all = base64.b64encode(hashlib.sha256(digests).digest()).decode()
    assert head["ChecksumSHA256"] == f"{of_all}-2"


def test_who_announced_checksums_must_give_one_for_each_part(alice):
    """AWS would refuse the part; here it's told before anything is sent."""
    upload = begin_parts(alice, part_checksums=True)
    refused = sign(alice, upload, {"1": CHECKSUMS["1"]})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body.checksums")
    assert "part 2 has none" in refused.json()["errors"][0]["detail"]
    abort(alice, upload)


def test_a_store_that_must_know_beforehand_gets_no_surprise(start_service, capabilities):
    """As AWS: an upload that was begun without checksums takes no part with one, and every part without."""
    strict = capabilities | {"optional_part_checksums": False}
    with start_service(store={"capabilities": strict}) as service, service.client("alice") as client:
        wait_until(lambda: service.app.state.capabilities.is_learned)
        upload = begin_parts(client)
        refused = sign(client, upload, CHECKSUMS)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body.checksums")
        assert sign(client, upload, {}).status_code == 200
        abort(client, upload)
        announced = begin_parts(client, part_checksums=True)
        assert sign(client, announced, CHECKSUMS).status_code == 200
        abort(client, announced)


def test_a_completion_replaces_no_object_that_is_there_already(alice, registry, bucket, capabilities):
    """`If-None-Match: *` where the store keeps it; whose key was taken is found out by the checksum."""
    upload = begin_parts(alice, checksum_sha256=hashlib.sha256(CONTENT).hexdigest())
    for part in sign(alice, upload, {}).json()["parts"]:
        assert httpx.put(part["url"], content=PARTS[part["part_number"]]).status_code == 200
    query = "SELECT key FROM stored_objects WHERE file_id = $1"
    key = registry.rows(query, upload["file"]["id"])[0]["key"]
    bucket.client.put_object(Bucket=bucket.name, Key=key, Body=bytes(len(CONTENT)))
    answer = complete(alice, upload)
    if capabilities["conditional_complete"]:
        assert (answer.status_code, answer.json()["code"]) == (409, "upload_rejected")
        assert bucket.unfinished() == []
    else:
        assert answer.status_code == 200
