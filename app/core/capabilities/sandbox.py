"""A folder of the bucket where trials may do anything: fresh keys, presigned requests over HTTP, all removed after."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_bytes, token_hex
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import structlog
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from app.core.clock import utc_now
from app.core.s3.errors import StorageUnavailable, answer_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from app.config import StoreSettings

log = structlog.get_logger()

FOLDER = ".holdfast/trial-"
RACERS = 16
TRIALS_TIMEOUT_SECONDS = 120.0
READ_TIMEOUT_SECONDS = 10.0
LEFTOVERS_AGE = timedelta(hours=1)
# Removed already, or a kind of thing that this store doesn't have.
NOTHING_LEFT = frozenset({"404", "NoSuchKey", "NoSuchUpload", "NoSuchVersion", "NotImplemented"})
NOT_IMPLEMENTED = 501
TOO_MANY_REQUESTS = 429
# The header in which each of boto3's parameters travels; a client must send those that the URL signs.
HEADERS = {
    "ContentType": "content-type",
    "IfNoneMatch": "if-none-match",
    "ChecksumSHA256": "x-amz-checksum-sha256",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}


class NoVerdictError(Exception):
    """The store failed or was too busy, which says nothing about what it keeps."""


def status_of(error: ClientError) -> int:
    """The HTTP status that came with an error."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_refusal(status: int) -> bool:
    """Whether the store said no to the request itself, rather than being unable to answer."""
    return 400 <= status < 500 and status != TOO_MANY_REQUESTS  # noqa: PLR2004 -- the class of client errors


@dataclass(frozen=True)
class Answer:
    """What the store said to one request."""

    status: int
    body: bytes

    @property
    def is_taken(self) -> bool:
        """Done as asked."""
        return 200 <= self.status < 300  # noqa: PLR2004 -- the class of successes

    @property
    def is_refused(self) -> bool:
        """See `is_refusal`."""
        return is_refusal(self.status)


class Sandbox:
    """Keys below the reserved prefix, and two ways to the store: boto3's, and plain HTTP as a client has it.

    Args:
        client: signs and calls; its methods block.
        settings: bucket, prefix, time-outs.
        write_options: what every write of this service carries, such as encryption: the bucket's policy may insist.
    """

    def __init__(self, client: S3Client, settings: StoreSettings, write_options: Mapping[str, Any]) -> None:
        self.client = client
        self.bucket = settings.bucket_name
        self.write_options = dict(write_options)
        self._folder = f"{settings.key_prefix}{FOLDER}"
        self._own = f"{self._folder}{token_hex(8)}/"
        self._keys: list[str] = []
        self._uploads: list[tuple[str, str]] = []
        self._stopped = threading.Event()
        self._deadline = time.monotonic() + TRIALS_TIMEOUT_SECONDS
        self._http = URLLib3Session(
            verify=settings.verify_ssl and (os.environ.get("AWS_CA_BUNDLE") or True),
            proxies=get_environ_proxies(client.meta.endpoint_url),
            timeout=(settings.connect_timeout_seconds, min(READ_TIMEOUT_SECONDS, settings.read_timeout_seconds)),
            max_pool_connections=RACERS,
        )

    def stop(self) -> None:
        """Let the trials end at their next step; they clean up after themselves all the same."""
        self._stopped.set()

    def fresh_key(self) -> str:
        """A key that nobody used before; what is under it is removed in the end.

        Raises:
            StorageUnavailable: there is no time left.
        """
        if self._stopped.is_set() or time.monotonic() > self._deadline:
            raise StorageUnavailable("The store took too long to show what it keeps; it will be asked again.")
        self._keys.append(f"{self._own}{len(self._keys)}")
        return self._keys[-1]

    def begin_multipart(self, key: str, **options: str) -> str:
        """Begin a multipart upload; returns its id. It's aborted in the end unless it was completed."""
        answer = self.client.create_multipart_upload(
            Bucket=self.bucket,
            Key=key,
            **self.write_options,
            **options,  # type: ignore[arg-type]
        )
        self._uploads.append((key, answer["UploadId"]))
        return answer["UploadId"]

    def presigned(self, operation: str, **parameters: object) -> tuple[str, dict[str, str]]:
        """A URL for one operation on our bucket, and the headers that it signs."""
        url = self.client.generate_presigned_url(operation, Params={"Bucket": self.bucket, **parameters}, ExpiresIn=600)
        signed = parse_qs(urlsplit(url).query)["X-Amz-SignedHeaders"][0].split(";")
        headers = {HEADERS[name]: str(value) for name, value in parameters.items() if name in HEADERS}
        return url, {name: value for name, value in headers.items() if name in signed}

    def send(self, method: str, url: str, body: object, headers: Mapping[str, str]) -> Answer:
        """One request over HTTP, without boto3's retries.

        Args:
            method: `PUT` or `POST`.
            url: presigned, or the one of a form.
            body: bytes, or something with `read(size)` and a length.
            headers: all but Host and Content-Length.

        Raises:
            NoVerdictError: the store failed, or was too busy.
            BotoCoreError: it could not be reached, or hung up.
        """
        answer = self._http.send(AWSRequest(method=method, url=url, data=body, headers=dict(headers)).prepare())
        status = int(answer.status_code)
        if status == TOO_MANY_REQUESTS or (status >= 500 and status != NOT_IMPLEMENTED):  # noqa: PLR2004
            raise NoVerdictError(str(status))
        return Answer(status, answer.content)

    def put(self, key: str, body: object, **parameters: object) -> Answer:
        """PUT through a presigned URL that signs `parameters`."""
        url, headers = self.presigned("put_object", Key=key, **self.write_options, **parameters)
        return self.send("PUT", url, body, headers)

    def is_refused(self, function: Callable[..., object], **parameters: object) -> bool:
        """Whether the store says no to one boto3 call.

        Raises:
            ClientError: it answered, but neither yes nor no.
        """
        try:
            function(Bucket=self.bucket, **parameters)
        except ClientError as error:
            if is_refusal(status_of(error)):
                return True
            raise
        return False

    def one_part_upload(self, key: str, content: bytes) -> dict[str, Any]:
        """A multipart upload that only needs completing; returns the parameters that name it."""
        upload_id = self.begin_multipart(key)
        part = self.client.upload_part(Bucket=self.bucket, Key=key, UploadId=upload_id, PartNumber=1, Body=content)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        return {"Key": key, "UploadId": upload_id, "MultipartUpload": parts}

    def read(self, key: str) -> bytes:
        """An object's bytes."""
        content: bytes = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return content

    def check(self) -> None:
        """Write, look and remove without anything special.

        Raises:
            ClientError, BotoCoreError: the store is out of order, or our key may not write; no trial means
                anything then.
        """
        key, body = self.fresh_key(), token_bytes(64)
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body, **self.write_options)
        self.client.head_object(Bucket=self.bucket, Key=key)
        self.client.delete_object(Bucket=self.bucket, Key=key)

    def remove(self) -> None:
        """Remove all of it, and what trials left behind that were killed; what can't be removed is logged."""
        steps = [
            *(self._abort(key, upload_id) for key, upload_id in self._uploads),
            *(self._delete(key) for key in self._keys),
            self._remove_versions,
            self._remove_leftovers,
        ]
        failed: list[str] = []
        try:
            for step in steps:
                try:
                    step()
                except ClientError as error:
                    failed += [answer_code(error)] if answer_code(error) not in NOTHING_LEFT else []
        except BotoCoreError as error:
            # Nobody answers: the rest would only wait as long for the same.
            failed.append(answer_code(error))
        finally:
            self._http.close()
        if failed:
            log.warning("capability_trials_left", errors=sorted(set(failed)))

    def _abort(self, key: str, upload_id: str) -> Callable[[], object]:
        return lambda: self.client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload_id)

    def _delete(self, key: str, **version: str) -> Callable[[], object]:
        return lambda: self.client.delete_object(Bucket=self.bucket, Key=key, **version)  # type: ignore[arg-type]

    def _remove_versions(self) -> None:
        """Where the bucket keeps versions, deleting only hides them."""
        if "Status" not in self.client.get_bucket_versioning(Bucket=self.bucket):
            return
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=self._own)
        for page in pages:
            for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                self._delete(item["Key"], VersionId=item["VersionId"])()

    def _remove_leftovers(self) -> None:
        for remove in self._leftovers():
            remove()

    def _leftovers(self) -> Iterator[Callable[[], object]]:
        """What is too old to belong to another worker's trials."""
        latest = utc_now() - LEFTOVERS_AGE
        uploads = self.client.list_multipart_uploads(Bucket=self.bucket, Prefix=self._folder)
        for upload in uploads.get("Uploads", []):
            if upload["Initiated"] < latest:
                yield self._abort(upload["Key"], upload["UploadId"])
        for item in self.client.list_objects_v2(Bucket=self.bucket, Prefix=self._folder).get("Contents", []):
            if item["LastModified"] < latest:
                yield self._delete(item["Key"])
