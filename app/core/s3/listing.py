"""The bucket's listings, page by page in constant memory: objects, versions, unfinished multipart uploads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import unquote_plus

from app.core.exceptions import Unavailable
from app.core.s3.calls import StoreCalls
from app.core.s3.errors import StorageMisconfigured, is_not_implemented

# A store that is slow or says SlowDown gets a pause before it is asked again, each twice as long.
PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True, slots=True)
class ListedObject:
    """One object, or one version of it, or a marker that hides the versions before it; `key` as it is."""

    key: str
    size_bytes: int
    etag: str
    last_modified: datetime
    version_id: str | None = None
    is_latest: bool = True
    is_marker: bool = False

    @property
    def is_current(self) -> bool:
        """Whether this is what a reader of the key gets."""
        return self.is_latest and not self.is_marker


@dataclass(frozen=True, slots=True)
class ListedUpload:
    """One multipart upload that was neither completed nor aborted.

    Args:
        key_as_listed: where it differs from `key`, one of the two is right: some stores say that they encode
            keys, and don't.
    """

    key: str
    upload_id: str
    initiated: datetime
    key_as_listed: str = ""


@dataclass(frozen=True)
class Position:
    """Behind which key a listing goes on, and behind which of its versions or uploads if it has several."""

    key: str = ""
    within: str = ""


T = TypeVar("T", ListedObject, ListedUpload)


@dataclass(frozen=True)
class Page(Generic[T]):
    """Up to 1,000 items in the order of their keys' bytes; `following` is None on the last page."""

    items: list[T]
    following: Position | None


async def object_pages(calls: StoreCalls, prefix: str, after: Position) -> AsyncIterator[Page[ListedObject]]:
    """The objects below a prefix.

    Raises:
        StorageMisconfigured: the store lists its keys in another order than by their bytes.
    """
    options: dict[str, object] = {"StartAfter": after.key} if after.key else {}
    last = after.key
    while True:
        answer = await _patiently(calls, "list_objects_v2", Prefix=prefix, **options)
        items = [_object(item) for item in answer.get("Contents", [])]
        last = _ordered(last, items)
        token = answer.get("NextContinuationToken") if answer.get("IsTruncated") else None
        yield Page(items, Position(last) if token else None)
        if not token:
            return
        options = {"ContinuationToken": token}


async def key_pages(calls: StoreCalls, prefix: str) -> AsyncIterator[list[str]]:
    """The keys below a prefix; a store that fails isn't asked again, for callers who come back soon anyway."""
    options: dict[str, object] = {}
    while True:
        answer = await calls.ask("list_objects_v2", Prefix=prefix, **options)
        yield [item["Key"] for item in answer.get("Contents", [])]
        token = answer.get("NextContinuationToken") if answer.get("IsTruncated") else None
        if not token:
            return
        options = {"ContinuationToken": token}


async def version_pages(calls: StoreCalls, prefix: str, after: Position) -> AsyncIterator[Page[ListedObject]]:
    """All versions and markers below a prefix; a key's markers come behind its versions.

    Raises:
        StorageMisconfigured: as of `object_pages`.
    """
    position = after
    while True:
        options = {"KeyMarker": position.key} if position.key else {}
        options |= {"VersionIdMarker": position.within} if position.within else {}
        answer = await _patiently(calls, "list_object_versions", Prefix=prefix, **options)
        items = sorted(_versions(answer), key=lambda item: (item.key, item.is_marker))
        _ordered(position.key, items)
        more = bool(answer.get("IsTruncated"))
        if more:
            position = Position(answer["NextKeyMarker"], answer.get("NextVersionIdMarker", ""))
        yield Page(items, position if more else None)
        if not more:
            return


async def upload_pages(calls: StoreCalls, prefix: str, after: Position) -> AsyncIterator[Page[ListedUpload]]:
    """The unfinished multipart uploads below a prefix."""
    position = after
    while True:
        options = {"KeyMarker": position.key} if position.key else {}
        options |= {"UploadIdMarker": position.within} if position.within else {}
        answer = await _patiently(calls, "list_multipart_uploads", Prefix=prefix, EncodingType="url", **options)
        # boto3 decodes the keys of the other listings by itself, of this one it doesn't.
        plain = unquote_plus if answer.get("EncodingType") == "url" else str
        items = [
            ListedUpload(plain(item["Key"]), item["UploadId"], item["Initiated"], item["Key"])
            for item in answer.get("Uploads", [])
        ]
        more = bool(answer.get("IsTruncated"))
        if more:
            position = Position(plain(answer["NextKeyMarker"]), answer.get("NextUploadIdMarker", ""))
        yield Page(items, position if more else None)
        if not more:
            return


async def has_versions(calls: StoreCalls) -> bool:
    """Whether the bucket keeps versions or once did; a store that doesn't know of them never did."""
    try:
        return "Status" in await _patiently(calls, "get_bucket_versioning")
    except StorageMisconfigured as error:
        if is_not_implemented(error):
            return False
        raise


async def erase_versions(calls: StoreCalls, key: str) -> None:
    """Remove every version of exactly this key, and the markers that hide them.

    The markers go last: before, the version behind one would show again.
    """
    while True:
        # Longer keys that begin with this one come behind it.
        answer = await calls.ask("list_object_versions", Prefix=key)
        found = sorted((item for item in _versions(answer) if item.key == key), key=lambda item: item.is_marker)
        if not found:
            return
        for item in found:
            await calls.ask("delete_object", Key=key, VersionId=item.version_id)


async def _patiently(calls: StoreCalls, operation: str, **parameters: object) -> dict[str, Any]:
    for pause_seconds in PAUSES_SECONDS:
        try:
            return await calls.ask(operation, **parameters)
        except Unavailable:
            await asyncio.sleep(pause_seconds)
    return await calls.ask(operation, **parameters)


def _object(item: dict[str, Any]) -> ListedObject:
    return ListedObject(item["Key"], item["Size"], item["ETag"], item["LastModified"])


def _versions(answer: dict[str, Any]) -> Iterator[ListedObject]:
    for item in answer.get("Versions", []):
        version = (item["VersionId"], item["IsLatest"])
        yield ListedObject(item["Key"], item["Size"], item["ETag"], item["LastModified"], *version)
    for item in answer.get("DeleteMarkers", []):
        yield ListedObject(
            item["Key"], 0, "", item["LastModified"], item["VersionId"], item["IsLatest"], is_marker=True
        )


def _ordered(last: str, items: list[ListedObject]) -> str:
    """The last key, after a look at the order: characters sort as their UTF-8 bytes do."""
    for item in items:
        if item.key < last:
            raise StorageMisconfigured("The store doesn't list its keys in the order of their bytes.")
        last = item.key
    return last
