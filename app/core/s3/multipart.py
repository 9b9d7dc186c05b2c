"""Multipart uploads of one bucket: objects that are written in parts and joined at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.core.part_memory import MemoryReader
from app.core.s3.answers import etag_of, told
from app.core.s3.calls import StoreCalls
from app.core.s3.objects import PartTag, StoredPart

if TYPE_CHECKING:
    from typing_extensions import Buffer


class MultipartUploads:
    """What `S3` offers as `multipart`; beginning and listing may be refused when all slots are taken."""

    def __init__(self, calls: StoreCalls) -> None:
        self._calls = calls
        self._client = calls.client

    async def create(
        self,
        key: str,
        *,
        content_type: str,
        metadata: Mapping[str, str],
        storage_class: str = "STANDARD",
        has_part_checksums: bool = False,
    ) -> str:
        """Begin a multipart upload, on request one whose parts all come with their SHA-256; returns the store's id."""
        options = self._calls.write_options(storage_class)
        if has_part_checksums:
            options |= {"ChecksumAlgorithm": "SHA256", "ChecksumType": "COMPOSITE"}
        answer = await self._calls.call(
            self._client.create_multipart_upload,
            Bucket=self._calls.bucket,
            Key=key,
            ContentType=content_type,
            Metadata=metadata,
            **options,
        )
        upload_id: str = told(answer, "UploadId")
        if answer["ResponseMetadata"].get("RetryAttempts"):
            # Attempts whose answer was lost may have begun one each, of which nobody would ever know.
            for lost in set(await self.find(key)) - {upload_id}:
                await self.abort(key, lost)
        return upload_id

    async def upload_part(self, key: str, upload_id: str, number: int, body: Buffer) -> PartTag:
        """Write one part (1 to 10,000)."""
        answer = await self._calls.uploads.go_on(
            self._client.upload_part,
            Bucket=self._calls.bucket,
            Key=key,
            UploadId=upload_id,
            PartNumber=number,
            Body=MemoryReader(body),
        )
        return PartTag(number, etag_of(answer))

    async def copy_part(
        self,
        key: str,
        upload_id: str,
        number: int,
        *,
        source_key: str,
        source_etag: str,
        span: tuple[int, int] | None = None,
    ) -> PartTag:
        """Copy another object into one part: all of it, or its bytes of `span`, both ends included.

        AWS takes no span of objects up to 5 MB.
        """
        spanned: dict[str, Any] = {} if span is None else {"CopySourceRange": f"bytes={span[0]}-{span[1]}"}
        answer = await self._calls.go_on(
            self._client.upload_part_copy,
            Bucket=self._calls.bucket,
            Key=key,
            UploadId=upload_id,
            PartNumber=number,
            CopySource={"Bucket": self._calls.bucket, "Key": source_key},
            CopySourceIfMatch=source_etag,
            **spanned,
        )
        return PartTag(number, etag_of(told(answer, "CopyPartResult")))

    async def complete(
        self,
        key: str,
        upload_id: str,
        parts: Sequence[PartTag],
        *,
        size_bytes: int | None = None,
        is_conditional: bool = False,
    ) -> None:
        """Join the parts, in order, to one object.

        Args:
            key: of the object.
            upload_id: the store's.
            parts: all of them.
            size_bytes: of the whole, where the store can be told so.
            is_conditional: only if there is no object under the key, where the store keeps that.

        Raises:
            UploadNotFound: it was completed or aborted already.
            ObjectChanged: there is an object, or somebody else is completing one at this moment.
        """
        options: dict[str, Any] = {} if size_bytes is None else {"MpuObjectSize": size_bytes}
        if is_conditional:
            options["IfNoneMatch"] = "*"
        await self._calls.go_on(
            self._client.complete_multipart_upload,
            Bucket=self._calls.bucket,
            Key=key,
            UploadId=upload_id,
            MultipartUpload={"Parts": [_listed(part) for part in parts]},
            **options,
        )

    async def list_parts(self, key: str, upload_id: str) -> list[StoredPart]:
        """All parts that the store has, by number.

        Raises:
            UploadNotFound: it has no such upload (any more).
        """
        found: list[StoredPart] = []
        marker = 0
        while True:
            answer = await self._calls.call(
                self._client.list_parts, Bucket=self._calls.bucket, Key=key, UploadId=upload_id, PartNumberMarker=marker
            )
            told(answer, "IsTruncated")
            found += [
                StoredPart(
                    part["PartNumber"], part["ETag"], part.get("ChecksumSHA256"), part["Size"], part.get("LastModified")
                )
                for part in answer.get("Parts", [])
            ]
            if not answer.get("IsTruncated"):
                return found
            marker = int(answer["NextPartNumberMarker"])

    async def abort(self, key: str, upload_id: str) -> None:
        """Drop a multipart upload and its parts; one that the store doesn't know is dropped already."""
        await self._calls.go_on(
            self._client.abort_multipart_upload, Bucket=self._calls.bucket, Key=key, UploadId=upload_id
        )

    async def find(self, key: str) -> list[str]:
        """The ids of all unfinished multipart uploads of exactly this key."""
        answer = await self._calls.call(self._client.list_multipart_uploads, Bucket=self._calls.bucket, Prefix=key)
        told(answer, "IsTruncated")
        return [upload["UploadId"] for upload in answer.get("Uploads", []) if upload["Key"] == key]


def _listed(part: PartTag) -> Any:  # noqa: ANN401 -- boto3's own shape of a dictionary
    listed = {"PartNumber": part.number, "ETag": part.etag}
    return listed | ({"ChecksumSHA256": part.sha256_base64} if part.sha256_base64 else {})
