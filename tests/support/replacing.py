"""New bytes for an old id, as a client sends them, and whether a file is as it was before."""

from __future__ import annotations

import hashlib

import httpx

from app.config import MEBIBYTE
from tests.support.content import noise

OLD = b"what was there first"
LARGE = noise(20 * MEBIBYTE)
BEGUN = "SELECT 1 FROM stored_objects WHERE file_id = $1 AND state = 'reserved' AND upload_id IS NOT NULL"


def replace(client, file, content, *, headers=None, **query) -> httpx.Response:
    return client.put(f"/files/{file['id']}/content", content=content, params=query, headers=headers)


def begin(connection, service, file, length: int, subject: str = "alice", **headers) -> None:
    """Send the head of a replacement; its bytes are still to come."""
    head = {"Authorization": f"Bearer {service.token(subject)}", "Content-Length": str(length), **headers}
    connection.send_head("PUT", f"/api/v1/files/{file['id']}/content", head)


def is_as_before(client, bucket, file) -> bool:
    """Record, bytes and object are those of before."""
    path = f"/files/{file['id']}"
    content = client.get(f"{path}/download").content
    return (
        client.get(path).json() == file
        and hashlib.sha256(content).hexdigest() == file["checksum_sha256"]
        and bucket.has(file["s3_key"])
    )
