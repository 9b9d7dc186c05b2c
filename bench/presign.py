"""What one presigned URL costs: ours and boto3's, in turn, in the same process.

Run: python -m bench.presign [--rounds 15]. Microseconds for one URL, and how many times as fast ours are
as boto3's in the same round. No server is asked: signing is arithmetic.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Callable

import boto3
from botocore.config import Config
from mypy_boto3_s3 import S3Client

from app.core.presign.presigner import Presigner

BUCKET = "files"
KEY = "2026/11/21/0193a5f0-6f0e-7cc2-9f53-2d1f0a4b7c11.bin"
UPLOAD_ID = "2~VXBsb2FkIG9mIGEgZmlsZSB0aGF0IGlzIGZhaXJseSBsb25n"
CHECKSUM = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
PART_BYTES = 5 << 20
PARTS_OF_A_GIBIBYTE = 205
TTL_SECONDS = 900
PUT_HEADERS = {
    "Content-Length": str(PART_BYTES),
    "Content-Type": "video/mp4",
    "If-None-Match": "*",
    "x-amz-checksum-sha256": CHECKSUM,
    "x-amz-server-side-encryption": "AES256",
    "x-amz-meta-file-id": "0193a5f0-6f0e-7cc2-9f53-2d1f0a4b7c11",
}
Way = Callable[[], object]


def offline_client() -> S3Client:
    """A client of boto3 as the service has it for AWS; it never connects."""
    client: S3Client = boto3.client(
        "s3",
        region_name="eu-west-1",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}),
    )
    return client


def spread(values: list[float], digits: int = 1) -> str:
    """Minimum, median and maximum."""
    return " ".join(f"{value:8.{digits}f}" for value in (min(values), statistics.median(values), max(values)))


def microseconds(way: Way, calls: int, urls_per_call: int) -> float:
    """The mean over some calls, for one URL."""
    started = time.perf_counter()
    for _ in range(calls):
        way()
    return (time.perf_counter() - started) / (calls * urls_per_call) * 1e6


def compare(title: str, ours: Way, theirs: Way, *, rounds: int, urls_per_call: int = 1) -> None:
    """Both ways in turn, and who begins alternates; the first round warms up and is not counted."""
    calls = max(1, 400 // urls_per_call)
    taken: dict[Way, list[float]] = {ours: [], theirs: []}
    for number in range(rounds + 1):
        for way in (ours, theirs) if number % 2 else (theirs, ours):
            taken[way].append(microseconds(way, calls, urls_per_call))
    mine, peer = taken[ours][1:], taken[theirs][1:]
    ratios = [theirs_us / ours_us for ours_us, theirs_us in zip(mine, peer, strict=True)]
    print(f"{title:48} {spread(mine)}   {spread(peer)}   {spread(ratios)}")


def sign(rounds: int) -> None:
    """Print a line for each kind of URL, ours and boto3's."""
    client = offline_client()
    presigner = Presigner(client, BUCKET)
    parts = presigner.parts(KEY, UPLOAD_ID, ttl_seconds=TTL_SECONDS)
    part = {"Bucket": BUCKET, "Key": KEY, "UploadId": UPLOAD_ID, "PartNumber": 7}
    pinned = part | {"ContentLength": PART_BYTES, "ChecksumSHA256": CHECKSUM}
    put = {
        "Bucket": BUCKET,
        "Key": KEY,
        "ContentLength": PART_BYTES,
        "ContentType": PUT_HEADERS["Content-Type"],
        "IfNoneMatch": "*",
        "ChecksumSHA256": CHECKSUM,
        "ServerSideEncryption": "AES256",
        "Metadata": {"file-id": PUT_HEADERS["x-amz-meta-file-id"]},
    }

    def by_boto3(operation: str, parameters: dict[str, object]) -> Way:
        return lambda: client.generate_presigned_url(operation, Params=parameters, ExpiresIn=TTL_SECONDS)

    def gibibyte() -> object:
        prepared = presigner.parts(KEY, UPLOAD_ID, ttl_seconds=TTL_SECONDS)
        return [prepared.url(number, content_length=PART_BYTES) for number in range(1, PARTS_OF_A_GIBIBYTE + 1)]

    def gibibyte_by_boto3() -> object:
        sized = part | {"ContentLength": PART_BYTES}
        return [
            client.generate_presigned_url("upload_part", Params=sized | {"PartNumber": number}, ExpiresIn=TTL_SECONDS)
            for number in range(1, PARTS_OF_A_GIBIBYTE + 1)
        ]

    print(f"Signing, microseconds for one URL: minimum, median, maximum of {rounds} rounds\n")
    print(f"{'':48} {'Holdfast':>26}   {'boto3':>26}   {'times as fast':>26}")
    compare("a part, prepared", lambda: parts.url(7), by_boto3("upload_part", part), rounds=rounds)
    compare(
        "a part, length and checksum pinned",
        lambda: parts.url(7, content_length=PART_BYTES, checksum_sha256=CHECKSUM),
        by_boto3("upload_part", pinned),
        rounds=rounds,
    )
    compare(
        f"a part of {PARTS_OF_A_GIBIBYTE} (1 GiB), preparing included",
        gibibyte,
        gibibyte_by_boto3,
        rounds=rounds,
        urls_per_call=PARTS_OF_A_GIBIBYTE,
    )
    compare(
        "a PUT with six headers pinned",
        lambda: presigner.put(KEY, ttl_seconds=TTL_SECONDS, headers=PUT_HEADERS),
        by_boto3("put_object", put),
        rounds=rounds,
    )


def main() -> None:
    """Measure signing."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=15)
    options = arguments.parse_args()
    gc.collect()
    gc.freeze()  # what the imports left behind is not looked through in the middle of a round
    sign(options.rounds)


if __name__ == "__main__":
    main()
