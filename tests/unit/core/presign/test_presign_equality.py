"""Every URL that we sign is byte for byte the one boto3 would have signed at that moment. No server is asked."""

from __future__ import annotations

import string
from base64 import b64encode
from datetime import UTC, datetime
from functools import lru_cache
from unittest.mock import patch

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import Credentials
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.core.presign.presigner import Presigner

AWS = [
    (region, style, None)
    for region in ("us-east-1", "eu-west-1", "me-south-1", "cn-north-1", "us-gov-west-1", "auto")
    for style in ("path", "virtual", "auto")
]
OTHERS = [
    (region, style, endpoint)
    for region in ("us-east-1", "auto")
    for style in ("path", "virtual")
    for endpoint in (
        "http://127.0.0.1:9000",
        "https://Store.Example.com:8443",
        "https://store.example.com:443/",
        "http://store.example.com:80",
        "http://store.example.com:443",
        "http://[::1]:9000",
        "https://example.com/below/a/path",
    )
]
TARGETS = AWS + OTHERS
BUCKETS = ["files", "my.dotted.bucket"]
NASTY_KEYS = [
    "a b", "a+b", "50%", "%2F", "it's", "~tilde", "*", "//", "/leading", "trailing/", "a//b", "../../etc/passwd", "./a",
    "a/../b", ".", "..", "?", "#", "&=;", "a?partNumber=2", "a&X-Amz-Expires=9", "é", "e\u0301", "日本語/файл.txt",
    "😀", "a\nb", "\t", "\x00", "\\", '"', "<>", "{}[]|^`", ":@", "files", "files/a", "x" * 1024,
]  # fmt: skip

ascii_text = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
words = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=20)
keys = st.sampled_from(NASTY_KEYS) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
upload_ids = st.text(string.ascii_letters + string.digits + "+/=&%._~- ", min_size=1, max_size=120) | keys
lifetimes = st.integers(1, 604_800)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 -- as it wants it
credentials = st.builds(
    Credentials,
    st.text(string.ascii_letters + string.digits + "/+=-", min_size=1, max_size=32),
    st.text(string.printable, min_size=1, max_size=64),
    st.none() | st.text(string.ascii_letters + string.digits + "+/=", min_size=1, max_size=400),
)
checksums = st.binary(min_size=32, max_size=32).map(lambda digest: b64encode(digest).decode())
headers = st.fixed_dictionaries(
    {},
    optional={
        "Content-Length": st.integers(0, 5 << 40).map(str),
        "Content-Type": ascii_text.filter(str.strip),
        "Cache-Control": ascii_text,
        "Content-Disposition": ascii_text,
        "If-None-Match": st.just("*"),
        "x-amz-checksum-sha256": checksums,
        "x-amz-server-side-encryption": st.sampled_from(["AES256", "aws:kms"]),
        "x-amz-server-side-encryption-aws-kms-key-id": st.just("arn:aws:kms:eu-west-1:111122223333:key/1a-2b"),
        "x-amz-storage-class": st.sampled_from(["STANDARD_IA", "GLACIER"]),
        "x-amz-tagging": ascii_text,
    },
)
metadata = st.dictionaries(words.map(str.lower), ascii_text, max_size=4)
PARAMETERS = {
    "Content-Length": "ContentLength",
    "Content-Type": "ContentType",
    "Cache-Control": "CacheControl",
    "Content-Disposition": "ContentDisposition",
    "If-None-Match": "IfNoneMatch",
    "x-amz-checksum-sha256": "ChecksumSHA256",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
    "x-amz-storage-class": "StorageClass",
    "x-amz-tagging": "Tagging",
}
session = boto3.Session()
clock: list[datetime] = [datetime(2026, 11, 21, tzinfo=UTC)]


@lru_cache
def pair(target, bucket):
    """A client of boto3 and a presigner made from it."""
    region, style, endpoint = target
    client = session.client(
        "s3",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="secret",
        config=Config(signature_version="s3v4", s3={"addressing_style": style}),
    )
    return client, Presigner(client, bucket, clock=lambda: clock[0])


def at(moment, client, signer):
    """Let both sign as `signer`, at one moment."""
    clock[0] = moment
    client._request_signer._credentials = signer
    return patch("botocore.auth.get_current_datetime", lambda: moment.replace(tzinfo=None))


def boto3_part(client, bucket, key, upload_id, ttl_seconds, number, **given_parameters):
    parameters = {"Bucket": bucket, "Key": key, "UploadId": upload_id, "PartNumber": number, **given_parameters}
    return client.generate_presigned_url("upload_part", Params=parameters, ExpiresIn=ttl_seconds)


@settings(deadline=None, max_examples=250)
@given(
    target=st.sampled_from(TARGETS),
    bucket=st.sampled_from(BUCKETS),
    key=keys,
    upload_id=upload_ids,
    ttl_seconds=lifetimes,
    number=st.integers(1, 10_000),
    length=st.none() | st.integers(0, 5 << 30),
    checksum=st.none() | checksums,
    moment=moments,
    signer=credentials,
)
def test_a_part(target, bucket, key, upload_id, ttl_seconds, number, length, checksum, moment, signer):
    client, presigner = pair(target, bucket)
    options = {} if length is None else {"ContentLength": length}
    options |= {} if checksum is None else {"ChecksumSHA256": checksum}
    with at(moment, client, signer):
        theirs = boto3_part(client, bucket, key, upload_id, ttl_seconds, number, **options)
        parts = presigner.parts(key, upload_id, ttl_seconds=ttl_seconds)
        ours = parts.url(number, content_length=length, checksum_sha256=checksum)
    assert ours.url == theirs
    assert ours.headers == ({} if checksum is None else {"x-amz-checksum-sha256": checksum})


@settings(deadline=None, max_examples=250)
@given(
    target=st.sampled_from(TARGETS),
    bucket=st.sampled_from(BUCKETS),
    key=keys,
    ttl_seconds=lifetimes,
    headers=headers,
    metadata=metadata,
    moment=moments,
    signer=credentials,
)
def test_a_put(target, bucket, key, ttl_seconds, headers, metadata, moment, signer):
    client, presigner = pair(target, bucket)
    parameters = {PARAMETERS[name]: value for name, value in headers.items()} | {"Metadata": metadata}
    if "ContentLength" in parameters:
        parameters["ContentLength"] = int(parameters["ContentLength"])
    given_headers = headers | {f"x-amz-meta-{name}": value for name, value in metadata.items()}
    with at(moment, client, signer):
        theirs = client.generate_presigned_url(
            "put_object", Params={"Bucket": bucket, "Key": key, **parameters}, ExpiresIn=ttl_seconds
        )
        ours = presigner.put(key, ttl_seconds=ttl_seconds, headers=given_headers)
    assert ours.url == theirs
    assert ours.headers == {name: value for name, value in given_headers.items() if name != "Content-Length"}


@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize("bucket", BUCKETS)
def test_every_nasty_key_for_every_target(target, bucket):
    client, presigner = pair(target, bucket)
    signer = Credentials("AKIAEXAMPLE", "secret/+", "token/+=")
    with at(datetime(2026, 11, 21, 1, 2, 3, tzinfo=UTC), client, signer):
        for key in NASTY_KEYS:
            theirs = boto3_part(client, bucket, key, key, 60, 7)
            assert presigner.parts(key, key, ttl_seconds=60).url(7).url == theirs
            theirs = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=60)
            assert presigner.put(key, ttl_seconds=60, headers={}).url == theirs


@settings(deadline=None)
@given(days=st.lists(moments, min_size=2, max_size=6), secrets=st.lists(words, min_size=2, max_size=4))
@example(
    days=[datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)], secrets=["one", "two"]
)
def test_a_kept_key_is_never_used_on_another_day_or_for_another_secret(days, secrets):
    client, presigner = pair(TARGETS[0], "files")
    for moment in days:
        for secret in secrets:
            with at(moment, client, Credentials("AKIAEXAMPLE", secret)):
                theirs = boto3_part(client, "files", "k", "u", 60, 1)
                assert presigner.parts("k", "u", ttl_seconds=60).url(1).url == theirs
