"""URLs of the presigner against a real store: they work, and for nothing else than what was signed."""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta
from hashlib import sha256
from uuid import uuid4

import boto3
import httpx
import pytest
from botocore.config import Config

from app.core.clock import utc_now
from app.core.presign.presigner import Presigner

CONTENT = b"the bytes of one part\n"
OTHER = b"other bytes, as many.\n"
SHORTER = CONTENT[:-1]
NASTY_KEYS = ["a b+c", "50%", "it's ~ * (1)", "日本語/é.txt", "?#&=", "a&partNumber=9"]


def checksum(content: bytes) -> str:
    return b64encode(sha256(content).digest()).decode()


@pytest.fixture(scope="module")
def presigner(bucket):
    return Presigner(bucket.client, bucket.name)


@pytest.fixture
def key(bucket):
    key = f"presigned/{uuid4().hex}"
    yield key
    bucket.client.delete_object(Bucket=bucket.name, Key=key)


@pytest.fixture
def upload_id(bucket, key):
    upload_id = bucket.client.create_multipart_upload(Bucket=bucket.name, Key=key)["UploadId"]
    yield upload_id
    bucket.client.abort_multipart_upload(Bucket=bucket.name, Key=key, UploadId=upload_id)


@pytest.fixture
def stored_parts(bucket, key, upload_id):
    """The numbers of the parts that the store has."""

    def numbers() -> list[int]:
        answer = bucket.client.list_parts(Bucket=bucket.name, Key=key, UploadId=upload_id)
        return [part["PartNumber"] for part in answer.get("Parts", [])]

    return numbers


@pytest.fixture
def part(presigner, key, upload_id):
    """A URL for part 2 with everything pinned."""
    parts = presigner.parts(key, upload_id, ttl_seconds=60)
    return parts.url(2, content_length=len(CONTENT), checksum_sha256=checksum(CONTENT))


def send(request, content: bytes = CONTENT, *, url: str | None = None, **headers) -> int:
    """The status of sending what was signed, apart from what is replaced."""
    sent = request.headers | {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.request(request.method, url or request.url, content=content, headers=sent).status_code


def test_parts_become_an_object(presigner, bucket, key):
    parts = [b"x" * (5 << 20), CONTENT]
    upload_id = bucket.client.create_multipart_upload(Bucket=bucket.name, Key=key)["UploadId"]
    prepared = presigner.parts(key, upload_id, ttl_seconds=60)
    tags = []
    for number, content in enumerate(parts, 1):
        request = prepared.url(number, content_length=len(content), checksum_sha256=checksum(content))
        answer = httpx.put(request.url, content=content, headers=request.headers)
        assert answer.status_code == 200, answer.text
        tags.append({"PartNumber": number, "ETag": answer.headers["ETag"]})
    bucket.client.complete_multipart_upload(
        Bucket=bucket.name, Key=key, UploadId=upload_id, MultipartUpload={"Parts": tags}
    )
    assert bucket.read(key) == b"".join(parts)


def test_a_part_can_be_sent_again(part, stored_parts):
    assert [send(part), send(part)] == [200, 200]
    assert stored_parts() == [2]


@pytest.mark.parametrize(
    ("what", "replaced", "by"),
    [
        ("signature", "X-Amz-Signature=", "X-Amz-Signature=0"),
        ("part number", "partNumber=2&", "partNumber=3&"),
        ("lifetime", "X-Amz-Expires=60", "X-Amz-Expires=600"),
        ("key", "/presigned/", "/elsewhere/"),
        ("set of signed headers", "content-length%3Bhost", "host"),
    ],
)
def test_the_store_refuses_a_part_with_another(part, stored_parts, what, replaced, by):
    assert part.url.count(replaced) == 1, what
    assert send(part, url=part.url.replace(replaced, by)) == 403
    assert stored_parts() == []


@pytest.mark.parametrize("content", [SHORTER, CONTENT + b"!", b""], ids=["too short", "too long", "empty"])
def test_the_store_refuses_a_part_of_another_length(presigner, key, upload_id, stored_parts, content):
    """Case 10."""
    request = presigner.parts(key, upload_id, ttl_seconds=60).url(2, content_length=len(CONTENT))
    assert send(request, content) == 403
    assert stored_parts() == []
    assert send(request) == 200


def test_the_store_refuses_a_part_under_another_checksum(part, stored_parts):
    assert send(part, OTHER, x_amz_checksum_sha256=checksum(OTHER)) == 403
    assert httpx.put(part.url, content=CONTENT).status_code == 403
    assert stored_parts() == []


def test_the_store_refuses_a_part_of_other_bytes(part, stored_parts):
    """The signature holds, the bytes don't: the store computes the checksum itself."""
    assert send(part, OTHER) == 400
    assert stored_parts() == []


def test_the_store_refuses_another_method(part):
    assert httpx.get(part.url, headers=part.headers).status_code == 403
    assert httpx.delete(part.url, headers=part.headers).status_code == 403


def test_the_store_refuses_a_part_whose_time_is_over(bucket, key, upload_id, stored_parts):
    """Case 6: as the URL itself says; a clock that runs behind makes one."""
    presigner = Presigner(bucket.client, bucket.name, clock=lambda: utc_now() - timedelta(seconds=90))
    assert send(presigner.parts(key, upload_id, ttl_seconds=60).url(2)) == 403
    assert stored_parts() == []
    assert send(presigner.parts(key, upload_id, ttl_seconds=120).url(2)) == 200


def test_the_store_refuses_the_url_of_another_secret(parts, bucket, key, upload_id):
    client = boto3.client(
        "s3",
        endpoint_url=parts["S3_ENDPOINT_URL"],
        aws_access_key_id=parts["S3_ACCESS_KEY_ID"],
        aws_secret_access_key="of somebody else",
        region_name=parts["S3_REGION"],
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    assert send(Presigner(client, bucket.name).parts(key, upload_id, ttl_seconds=60).url(2)) == 403


@pytest.fixture
def put(presigner, key):
    """A PUT with everything pinned that a browser sends."""
    headers = {
        "Content-Length": str(len(CONTENT)),
        "Content-Type": "text/plain",
        "x-amz-checksum-sha256": checksum(CONTENT),
        "x-amz-meta-file-id": "two  spaces",
    }
    return presigner.put(key, ttl_seconds=60, headers=headers)


def test_a_put_writes_what_was_declared(put, bucket, key):
    assert send(put) == 200
    head = bucket.client.head_object(Bucket=bucket.name, Key=key)
    assert (head["ContentLength"], head["ContentType"]) == (len(CONTENT), "text/plain")
    assert head["Metadata"].keys() == {"file-id"}
    assert bucket.read(key) == CONTENT


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (SHORTER, {}),
        (CONTENT, {"Content_Type": "text/html"}),
        (OTHER, {"x_amz_checksum_sha256": checksum(OTHER)}),
        (CONTENT, {"x_amz_meta_file_id": "another"}),
    ],
    ids=["length", "type", "checksum", "metadata"],
)
def test_the_store_refuses_a_put_that_differs(put, bucket, key, content, headers):
    """Cases 9 and 10."""
    assert send(put, content, **headers) == 403
    stored = bucket.keys()
    assert key not in stored


@pytest.mark.parametrize("name", NASTY_KEYS)
def test_a_put_reaches_exactly_its_key(presigner, bucket, name):
    """Case 18."""
    key = f"presigned/{uuid4().hex}/{name}"
    assert send(presigner.put(key, ttl_seconds=60, headers={"Content-Length": str(len(CONTENT))})) == 200
    assert bucket.read(key) == CONTENT
    bucket.client.delete_object(Bucket=bucket.name, Key=key)
