"""Every way in which bytes become a file's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from tests.support.direct import begin, complete, send

UNDECLARED = "application/octet-stream"


def by_form(client, content: bytes, filename: str, declared: str) -> Any:
    return client.post("/files/upload", files={"file": (filename, content, declared)})


def by_raw(client, content: bytes, filename: str, declared: str) -> Any:
    return client.put(f"/files/raw/{filename}", content=content, headers={"Content-Type": declared})


def directly(method: str) -> Callable[..., Any]:
    def way(client, content: bytes, filename: str, declared: str) -> Any:
        upload = begin(client, content, filename, content_type=declared, method=method)
        send(client, upload, content)
        return complete(client, upload)

    return way


def by_replacing(client, content: bytes, filename: str, declared: str) -> Any:
    before = by_form(client, content[:-1] + b"\n", filename, UNDECLARED).json()
    return client.put(f"/files/{before['id']}/content", content=content, headers={"Content-Type": declared})


def by_copying(client, content: bytes, filename: str, declared: str) -> Any:
    before = directly("put")(client, content, filename, declared).json()
    return client.post(f"/files/{before['id']}/copy", json={})


def by_renaming(client, content: bytes, filename: str, declared: str) -> Any:
    before = by_form(client, content, "renamed.bin", declared).json()
    return client.patch(f"/files/{before['id']}", json={"filename": filename})


# The last one moves no byte: what the store shows of the object stays, and no URL of ours lets it be seen.
WAYS: dict[str, Callable[..., Any]] = {
    "form": by_form,
    "raw": by_raw,
    "put": directly("put"),
    "post": directly("post"),
    "multipart": directly("multipart"),
    "replacement": by_replacing,
    "copy": by_copying,
    "rename": by_renaming,
}


def types_of(client, bucket, file: dict) -> dict[str, str]:
    """What record, service, presigned URL and the store itself say that it is."""
    url = client.get(f"/files/{file['id']}/presigned-url").json()["url"]
    return {
        "record": client.get(f"/files/{file['id']}").json()["content_type"],
        "service": client.get(f"/files/{file['id']}/download").headers["Content-Type"],
        "presigned": httpx.get(url).headers["Content-Type"],
        "store": bucket.client.head_object(Bucket=bucket.name, Key=file["s3_key"])["ContentType"].partition(";")[0],
    }
