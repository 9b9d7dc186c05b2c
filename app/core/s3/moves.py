"""Moving objects that aren't ours: copied with all that the store knows of them, then exactly one removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.config import MEBIBYTE
from app.core.s3.errors import ObjectChanged, ObjectNotFound, StorageMisconfigured, is_not_implemented
from app.core.s3.objects import PartTag

if TYPE_CHECKING:
    from app.core.s3.adapter import S3

COPY_PART_BYTES = 512 * MEBIBYTE
# What a copy by parts has to be told again.
KEPT = ("ContentType", "ContentDisposition", "ContentEncoding", "ContentLanguage", "CacheControl", "Metadata")


@dataclass(frozen=True)
class ExactObject:
    """One object as it was seen; sizes in bytes. Without `version_id` the current one."""

    key: str
    size_bytes: int
    etag: str
    version_id: str | None = None


async def copy_as_it_is(s3: S3, source: ExactObject, key: str, *, limit_bytes: int) -> None:
    """Copy inside the store, only if it is still this object; above `limit_bytes` by parts.

    Raises:
        ObjectNotFound, ObjectChanged: it isn't.
    """
    where: dict[str, Any] = {"Bucket": s3.bucket, "Key": source.key}
    if source.version_id:
        where["VersionId"] = source.version_id
    told = s3.write_options("STANDARD")
    if source.size_bytes <= limit_bytes:
        condition = {"CopySource": where, "CopySourceIfMatch": source.etag}
        await s3.ask("copy_object", Key=key, MetadataDirective="COPY", **condition, **told)
        return
    head = await s3.ask(
        "head_object", Key=source.key, **({"VersionId": source.version_id} if source.version_id else {})
    )
    told |= {name: head[name] for name in KEPT if name in head}
    upload_id = (await s3.ask("create_multipart_upload", Key=key, **told))["UploadId"]
    # At most 10,000 parts.
    step = max(min(COPY_PART_BYTES, limit_bytes), -(-source.size_bytes // 10_000))
    parts = []
    for number, first in enumerate(range(0, source.size_bytes, step), start=1):
        answer = await s3.ask(
            "upload_part_copy",
            Key=key,
            UploadId=upload_id,
            PartNumber=number,
            CopySource=where,
            CopySourceIfMatch=source.etag,
            CopySourceRange=f"bytes={first}-{min(first + step, source.size_bytes) - 1}",
        )
        parts.append(PartTag(number, answer["CopyPartResult"]["ETag"]))
    await s3.multipart.complete(key, upload_id, parts)


async def remove_exactly(s3: S3, source: ExactObject) -> None:
    """Remove this object or version, and nothing that came under its key since.

    Raises:
        ObjectChanged: something came.
    """
    if source.version_id:
        await s3.ask("delete_object", Key=source.key, VersionId=source.version_id)
        return
    try:
        if (await s3.head(source.key)).etag.strip('"') != source.etag.strip('"'):
            raise ObjectChanged
        await s3.ask("delete_object", Key=source.key, IfMatch=source.etag)
    except ObjectNotFound:
        return
    except StorageMisconfigured as error:
        if not is_not_implemented(error):
            raise
        # This store knows no condition; the look a moment ago is the best there is.
        await s3.ask("delete_object", Key=source.key)
