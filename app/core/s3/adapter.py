"""What the service asks of its store: objects, whole and in ranges, and URLs for others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from app.config import StoreSettings
from app.core.clock import utc_now
from app.core.part_memory import MemoryReader
from app.core.presign.presigner import Presigner
from app.core.s3.answers import etag_of, told
from app.core.s3.calls import STREAMS_PER_SLOT, Lane, StoreCalls
from app.core.s3.clients import make_clients
from app.core.s3.errors import ObjectNotFound, StorageMisconfigured, is_not_implemented
from app.core.s3.listing import erase_versions, has_versions
from app.core.s3.multipart import MultipartUploads
from app.core.s3.objects import ObjectHead
from app.core.s3.streams import ObjectStream
from app.core.slots import StorageBusy

if TYPE_CHECKING:
    from typing_extensions import Buffer

# How long it's taken for granted whether the bucket has versions.
VERSIONS_KNOWN_SECONDS = 60.0

# What a store keeps of an object and sends to its readers, although no upload URL signs it.
READER_HEADERS = frozenset(
    {
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "expires",
        "x-amz-website-redirect-location",
    }
)


class S3(StoreCalls):
    """One bucket behind one client for the life of the process.

    Args:
        settings: bucket, address, credentials, limits.
    """

    def __init__(self, settings: StoreSettings) -> None:
        self._knows_tags = True
        self._has_versions, self._versions_known_until = False, float("-inf")
        # Three lanes of calls, two of which have streams besides.
        connections = settings.max_concurrency * (3 + 2 * STREAMS_PER_SLOT)
        clients = make_clients(settings, connections=connections)
        super().__init__(settings, clients.server)
        self._session, self._signer, self._upload_signer = clients.session, clients.signer, clients.upload_signer
        self.presigner = Presigner(self._upload_signer, self.bucket)
        self.multipart = MultipartUploads(self)

    async def put(
        self,
        key: str,
        body: Buffer,
        *,
        content_type: str,
        metadata: Mapping[str, str],
        storage_class: str = "STANDARD",
        lane: Lane | None = None,
    ) -> None:
        """Write one object in one request; its SHA-256 is part of the signature."""
        await (lane or self).call(
            self.client.put_object,
            Bucket=self.bucket,
            Key=key,
            Body=MemoryReader(body),
            ContentType=content_type,
            Metadata=metadata,
            **self.write_options(storage_class),
        )

    async def copy(
        self,
        source_key: str,
        key: str,
        *,
        source_etag: str,
        content_type: str,
        metadata: Mapping[str, str],
        storage_class: str = "STANDARD",
    ) -> None:
        """Copy an object up to 5 GiB inside the store, only if it is still the one of `source_etag`."""
        options: dict[str, Any] = {
            "Bucket": self.bucket,
            "Key": key,
            "CopySource": {"Bucket": self.bucket, "Key": source_key},
            "CopySourceIfMatch": source_etag,
            # Nothing of what its writer told the store of the source; the content type has to be sent again then.
            "MetadataDirective": "REPLACE",
            "ContentType": content_type,
            "Metadata": metadata,
            **self.write_options(storage_class),
        }
        if self._knows_tags:
            try:
                await self.call(self.client.copy_object, TaggingDirective="REPLACE", **options)
            except StorageMisconfigured as error:
                if not is_not_implemented(error):
                    raise
                self._knows_tags = False
            else:
                return
        # Who doesn't know the directive, such as Cloudflare's R2, has no tags that a copy could take over.
        await self.call(self.client.copy_object, **options)

    async def head(self, key: str, *, with_checksum: bool = False) -> ObjectHead:
        """What the store says about an object, with the SHA-256 it keeps if that is asked for.

        Raises:
            ObjectNotFound: there is none.
        """
        options: dict[str, Any] = {"ChecksumMode": "ENABLED"} if with_checksum else {}
        try:
            answer = await self.go_on(self.client.head_object, Bucket=self.bucket, Key=key, **options)
        except ObjectNotFound:
            # A HEAD has no body that could say what is missing; a lost bucket must not look like a lost file.
            await self.check_bucket()
            raise
        return ObjectHead(
            size_bytes=told(answer, "ContentLength"),
            etag=etag_of(answer),
            content_type=answer.get("ContentType", "application/octet-stream"),
            last_modified=told(answer, "LastModified"),
            storage_class=answer.get("StorageClass", "STANDARD"),
            encryption=answer.get("ServerSideEncryption"),
            version_id=answer.get("VersionId"),
            sha256_base64=answer.get("ChecksumSHA256"),
            reader_headers=READER_HEADERS.intersection(answer["ResponseMetadata"]["HTTPHeaders"]),
        )

    async def open(
        self,
        key: str,
        *,
        etag: str | None = None,
        first: int | None = None,
        last: int | None = None,
        lane: Lane | None = None,
    ) -> ObjectStream:
        """Begin to read an object, or its bytes `first` to `last`, both included.

        Raises:
            ObjectNotFound: there is none.
            ObjectChanged: it is not the one of `etag`.
            StorageBusy: too many of the same lane already hold a connection.
        """
        lane = lane or self
        if lane.open_streams >= lane.max_streams:
            raise StorageBusy(retry_after_seconds=1)
        options: dict[str, Any] = {}
        if etag:
            options["IfMatch"] = etag
        if first is not None and last is not None:
            options["Range"] = f"bytes={first}-{last}"
        lane.open_streams += 1
        opening = asyncio.ensure_future(lane.call(self.client.get_object, Bucket=self.bucket, Key=key, **options))
        try:
            answer = await asyncio.shield(opening)
            length = told(answer, "ContentLength")
        except BaseException:
            # Refused, answered by half, or the reader left while the store was answering: once that call
            # has ended, its connection goes back all the same.
            opening.add_done_callback(partial(self._close_unread, lane))
            raise
        return ObjectStream(lane, answer["Body"], length)

    @staticmethod
    def _close_unread(lane: Lane, opening: asyncio.Future[Any]) -> None:
        lane.open_streams -= 1
        if not opening.cancelled() and opening.exception() is None:
            opening.result()["Body"].close()

    async def delete(self, key: str) -> None:
        """Remove an object for good; one that is not there counts as removed.

        A bucket that keeps or once kept versions only hides it: then all versions of it go.
        """
        answer = await self.ask("delete_object", Key=key)
        if answer.get("DeleteMarker") or answer.get("VersionId", "null") != "null" or await self._may_hide():
            await erase_versions(self, key)

    async def _may_hide(self) -> bool:
        """Whether there may be versions of which a deletion says nothing; asked once in a while.

        AWS always says so. Swift doesn't, in a bucket that stopped keeping versions.
        """
        if self.settings.endpoint_url is None:
            return False
        if time.monotonic() > self._versions_known_until:
            self._has_versions = await has_versions(self)
            self._versions_known_until = time.monotonic() + VERSIONS_KNOWN_SECONDS
        return self._has_versions

    async def check_bucket(self) -> None:
        """Ask whether the bucket is there and ours.

        Raises:
            StorageMisconfigured: it isn't.
        """
        try:
            await self.call(self.client.head_bucket, Bucket=self.bucket)
        except ObjectNotFound as error:
            raise StorageMisconfigured from error

    async def presign_get(
        self, key: str, *, ttl_seconds: int, content_type: str, content_disposition: str, version_id: str | None = None
    ) -> str:
        """A URL that reads one object for `ttl_seconds`, under the host that clients reach."""
        parameters: dict[str, Any] = {
            "Bucket": self.bucket,
            "Key": key,
            "ResponseContentType": content_type,
            "ResponseContentDisposition": content_disposition,
        }
        if version_id and version_id != "null":
            parameters["VersionId"] = version_id
        return await self.call(
            self._signer.generate_presigned_url, "get_object", Params=parameters, ExpiresIn=ttl_seconds
        )

    async def presign_post(
        self, key: str, *, ttl_seconds: int, size_bytes: int, fields: Mapping[str, str]
    ) -> tuple[str, dict[str, str]]:
        """URL and fields of a form that uploads exactly `size_bytes` under exactly this key."""
        conditions: list[Any] = [["content-length-range", size_bytes, size_bytes]]
        answer = await self.call(
            self._upload_signer.generate_presigned_post,
            self.bucket,
            key,
            Fields=dict(fields),
            Conditions=conditions + [{name: value} for name, value in fields.items()],
            ExpiresIn=ttl_seconds,
        )
        return answer["url"], answer["fields"]

    def write_headers(self, storage_class: str) -> dict[str, str]:
        """What `put` tells the store besides the type, as headers for somebody else's request."""
        names = {
            "ServerSideEncryption": "x-amz-server-side-encryption",
            "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
            "StorageClass": "x-amz-storage-class",
        }
        return {names[name]: str(value) for name, value in self.write_options(storage_class).items()}

    async def credentials_lifetime_seconds(self) -> float | None:
        """How long the present credentials live; None for keys that don't expire.

        A URL dies with the credentials that signed it, whatever its own expiry says.
        """
        if self.presigner.may_block:
            # They end soon: new ones are fetched over the network, once for all that is signed from now on.
            await self.call(self.presigner.renew_credentials)
        credentials = self._session.get_credentials()
        # boto3 has no public name for it; static keys don't have it at all.
        expiry: datetime | None = getattr(credentials, "_expiry_time", None)
        return None if expiry is None else max(0.0, (expiry - utc_now()).total_seconds())

    async def close(self, timeout_seconds: float) -> None:
        """Wait for running calls, but not for ever, then drop all connections."""
        await super().close(timeout_seconds)
        for client in {self._signer, self._upload_signer}:
            client.close()
