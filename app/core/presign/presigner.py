"""Presigned URLs for writing, signed many times faster than boto3 does it, and byte for byte the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.auth import SIGNED_HEADERS_BLACKLIST
from botocore.credentials import Credentials, ReadOnlyCredentials, RefreshableCredentials

from app.config import ConfigurationError
from app.core.clock import utc_now
from app.core.presign.bucket import resolve
from app.core.presign.sigv4 import SignedRequest, Stamp, parameter, path_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_PARTS = 10_000
BASE64_SHA256 = re.compile(r"[A-Za-z0-9+/]{43}=")
HEADER_NAME = re.compile(r"[A-Za-z0-9._-]+")
# botocore leaves the first ones out of every signature; the others carry the signature or come from elsewhere.
UNSIGNABLE_HEADERS = frozenset(SIGNED_HEADERS_BLACKLIST) | {
    "authorization", "host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token",
}  # fmt: skip


class PreparedParts:
    """URLs for the parts of one multipart upload, all of one moment: ask for a new one with every answer.

    `expires_at` is when all of them end, in UTC.
    """

    def __init__(self, stamp: Stamp, path: str, upload_id: str) -> None:
        self.expires_at = stamp.expires_at
        self._stamp = stamp
        self._path = path
        self._upload = parameter("uploadId", upload_id)

    def url(
        self, part_number: int, *, content_length: int | None = None, checksum_sha256: str | None = None
    ) -> SignedRequest:
        """An `UploadPart`, 1 to 10,000; neither calls nor blocks.

        Args:
            part_number: of the part.
            content_length: in bytes; signed where given, so that the store refuses any other.
            checksum_sha256: of the part's bytes, in base64 as S3 has it; signed where given, and then
                among the headers that the client sends.

        Raises:
            ValueError: a number out of range, or a checksum in another form.
        """
        if not 1 <= part_number <= MAX_PARTS:
            message = f"parts are numbered 1 to {MAX_PARTS}, not {part_number}"
            raise ValueError(message)
        headers = {}
        if content_length is not None:
            if content_length < 0:
                message = f"a part has no {content_length} bytes"
                raise ValueError(message)
            headers["Content-Length"] = str(content_length)
        if checksum_sha256 is not None:
            if not BASE64_SHA256.fullmatch(checksum_sha256):
                message = "give a part's SHA-256 in base64: 44 characters, not 64 of hex"
                raise ValueError(message)
            headers["x-amz-checksum-sha256"] = checksum_sha256
        return self._stamp.sign("PUT", self._path, headers, (self._upload, f"partNumber={part_number}"))


class Presigner:
    """Signs for one bucket what a boto3 client would sign: its endpoint, addressing, region and credentials.

    Threads may share one.

    Args:
        client: with `signature_version="s3v4"`; its credentials are asked for anew with every call.
        bucket: the name.
        clock: the present moment in UTC.

    Raises:
        ConfigurationError: the client has no credentials, or signs otherwise than this module does.
    """

    def __init__(self, client: S3Client, bucket: str, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._client = client
        self._clock = clock
        self._address = resolve(client, bucket, self._frozen())

    @property
    def may_block(self) -> bool:
        """Whether the next call may fetch new credentials over the network; never so for static keys.

        botocore begins 15 minutes before they end; call `renew_credentials` from a thread then.
        """
        credentials = self._credentials()
        return isinstance(credentials, RefreshableCredentials) and bool(credentials.refresh_needed())

    def renew_credentials(self) -> None:
        """Fetch new credentials if it's time to; may block."""
        self._frozen()

    def put(self, key: str, *, ttl_seconds: int, headers: Mapping[str, str]) -> SignedRequest:
        """A `PutObject`, with every given header signed: the store refuses a request that lacks or changes one.

        May block, see `may_block`.

        Args:
            key: of the object.
            ttl_seconds: 1 to 604,800.
            headers: as HTTP has them, `Content-Length` among them; visible ASCII.

        Raises:
            ValueError: a lifetime out of range, an empty key, a header that can't be signed.
        """
        _check(headers)
        return self._stamp(ttl_seconds).sign("PUT", path_of(self._address, key), headers)

    def parts(self, key: str, upload_id: str, *, ttl_seconds: int) -> PreparedParts:
        """Prepare URLs for parts of one upload; each is quick to make then, and of the present moment.

        May block, see `may_block`.

        Args:
            key: of the object.
            upload_id: the store's.
            ttl_seconds: 1 to 604,800.

        Raises:
            ValueError: a lifetime out of range, an empty key.
        """
        return PreparedParts(self._stamp(ttl_seconds), path_of(self._address, key), upload_id)

    def _stamp(self, ttl_seconds: int) -> Stamp:
        return Stamp(self._address, self._frozen(), self._clock(), ttl_seconds)

    def _credentials(self) -> Credentials | None:
        return self._client._get_credentials()  # noqa: SLF001 -- no public name, no other way to agree

    def _frozen(self) -> ReadOnlyCredentials:
        credentials = self._credentials()
        if credentials is None:
            message = "no S3 credentials to sign URLs with: set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY"
            raise ConfigurationError(message)
        return credentials.get_frozen_credentials()


def _check(headers: Mapping[str, str]) -> None:
    """Refuse what would not be pinned, and what would end a header's line."""
    if len({name.lower() for name in headers}) < len(headers):
        message = "a header is given twice"
        raise ValueError(message)
    for name, value in headers.items():
        if not HEADER_NAME.fullmatch(name) or name.lower() in UNSIGNABLE_HEADERS:
            message = f"the header {name!r} can't be signed"
            raise ValueError(message)
        if not (value.isascii() and value.isprintable()):
            message = f"the header {name!r} may have visible ASCII only"
            raise ValueError(message)
