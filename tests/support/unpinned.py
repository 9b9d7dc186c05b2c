"""Headers that no upload URL signs, sent all the same, and what a store then shows of the object."""

from __future__ import annotations

from typing import Any

import httpx
from botocore.exceptions import ClientError

from tests.support.direct import begin, complete

# Those that change what a reader gets or does, as clients send them and as forms name them.
HEADERS = {
    "Content-Encoding": "gzip",
    "Cache-Control": "public, max-age=31536000, immutable",
    "Expires": "Fri, 01 Jan 2038 00:00:00 GMT",
    "Content-Language": "tlh",
    "x-amz-website-redirect-location": "https://evil.example/",
    "Content-Disposition": 'inline; filename="evil.html"',
    "x-amz-meta-evil": "yes",
    "x-amz-tagging": "evil=yes",
    "x-amz-acl": "public-read",
    "x-amz-grant-read": 'uri="http://acs.amazonaws.com/groups/global/AllUsers"',
    "x-amz-storage-class": "REDUCED_REDUNDANCY",
    "x-amz-object-lock-legal-hold": "ON",
}
# They differ from object to object, or from answer to answer.
OWN = {
    "etag", "last-modified", "date", "x-amz-request-id", "x-amz-id-2", "x-amz-version-id", "x-amz-meta-file-id",
    "x-amzn-requestid", "x-timestamp", "x-trans-id", "x-openstack-request-id", "x-amz-checksum-sha256",
    "x-amz-checksum-crc32", "x-amz-checksum-type",
}  # fmt: skip


def send_with(client: httpx.Client, upload: dict, content: bytes, more: dict[str, str]) -> int:
    """Send with more headers, or more fields, than were signed; the store's status."""
    told = upload["upload"]
    if told["method"] == "put":
        return httpx.put(told["url"], headers=told["headers"] | more, content=content).status_code
    if told["method"] == "post":
        files = {"file": ("f", content)}
        return httpx.post(told["url"], data=told["fields"] | more, files=files, headers=_without_type(more)).status_code
    signed = client.post(f"/files/uploads/{upload['file']['id']}/parts", json={"part_numbers": [1]})
    [part] = signed.json()["parts"]
    return httpx.put(part["url"], headers=part["headers"] | more, content=content).status_code


def _without_type(more: dict[str, str]) -> dict[str, str]:
    """A form's own headers say how the form is encoded."""
    return {name: value for name, value in more.items() if name not in {"Content-Encoding", "Content-Disposition"}}


def uploaded(client: httpx.Client, content: bytes, method: str, more: dict[str, str]) -> tuple[dict, bool]:
    """A file whose client sent `more`; and whether the store took that. Else it's sent again without."""
    upload = begin(client, content, "report.pdf", method=method)
    is_taken = 200 <= send_with(client, upload, content, more) < 300
    if not is_taken:
        assert send_with(client, upload, content, {}) in {200, 201, 204}
    answer = complete(client, upload)
    assert answer.status_code == 200, answer.text
    return answer.json(), is_taken


def shown(client: httpx.Client, bucket: Any, file: dict) -> dict[str, Any]:
    """All that store and service tell of a file's object, but for what differs by itself."""
    url = client.get(f"/files/{file['id']}/presigned-url").json()["url"]
    read = httpx.get(url)
    assert read.status_code == 200, read.text
    names = {"Bucket": bucket.name, "Key": file["s3_key"]}
    head = bucket.client.head_object(**names)["ResponseMetadata"]["HTTPHeaders"]
    return {
        "head": {name.lower(): value for name, value in head.items() if name.lower() not in OWN},
        "read": {name.lower(): value for name, value in read.headers.items() if name.lower() not in OWN},
        "content": read.content,
        "tags": _asked(bucket.client.get_object_tagging, names).get("TagSet"),
        "grants": _asked(bucket.client.get_object_acl, names).get("Grants"),
    }


def _asked(function, names: dict[str, str]) -> dict[str, Any]:
    """What the store says; nothing where it knows no such thing."""
    try:
        return function(**names)
    except ClientError as error:
        return {"TagSet": str(error), "Grants": str(error)}
