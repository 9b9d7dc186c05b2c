"""Asks boto3 once where a bucket answers, and whether its URLs are signed as ours are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from app.config import ConfigurationError
from app.core.presign.sigv4 import Address, Stamp, parameter, path_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "probe/~ +"
UPLOAD_ID = "upload+id/="
TTL_SECONDS = 60


def resolve(client: S3Client, bucket: str, credentials: ReadOnlyCredentials) -> Address:
    """Let boto3 sign one URL, read from it where the bucket is, and insist on signing the same; no store is called.

    Raises:
        ConfigurationError: boto3 signs otherwise: SigV2, or for a bucket that is no ordinary one.
    """
    theirs = client.generate_presigned_url(
        "upload_part",
        Params={"Bucket": bucket, "Key": KEY, "UploadId": UPLOAD_ID, "PartNumber": 7, "ContentLength": 1},
        ExpiresIn=TTL_SECONDS,
    )
    query = parse_qs(urlsplit(theirs).query)
    if query.get("X-Amz-Algorithm") == ["AWS4-HMAC-SHA256"]:
        address = _address_in(theirs, query["X-Amz-Credential"][0])
        moment = datetime.strptime(query["X-Amz-Date"][0], SIGV4_TIMESTAMP).replace(tzinfo=UTC)
        stamp = Stamp(address, credentials, moment, TTL_SECONDS)
        parameters = (parameter("uploadId", UPLOAD_ID), "partNumber=7")
        if stamp.sign("PUT", path_of(address, KEY), {"Content-Length": "1"}, parameters).url == theirs:
            return address
    message = (
        "boto3 does not sign with SigV4 here as Amazon describes it for ordinary buckets;"
        " check S3_BUCKET_NAME, S3_REGION and S3_ENDPOINT_URL"
    )
    raise ConfigurationError(message)


def _address_in(url: str, credential: str) -> Address:
    place, _, _ = url.partition("?")
    parts = urlsplit(place)
    _, _, region, service, _ = credential.rsplit("/", 4)
    # What botocore signs as host: in lower case, without a default port, brackets around IPv6.
    host = SigV4Auth(None, service, region).headers_to_sign(AWSRequest(method="PUT", url=place))["host"]
    path = parts.path.removesuffix(f"/{quote(KEY, safe='/~')}")
    return Address(f"{parts.scheme}://{parts.netloc}", path, host, region, service)
