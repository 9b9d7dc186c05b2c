"""Looking at registry and bucket from outside, as an operator would: by SQL and by listing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import asyncpg
import boto3
from botocore.config import Config

from tests.support.service import wait_until


@dataclass(frozen=True)
class Registry:
    """The database, by SQL."""

    dsn: str

    def rows(self, query: str, *arguments) -> list[dict[str, Any]]:
        async def fetch():
            connection = await asyncpg.connect(self.dsn)
            try:
                return await connection.fetch(query, *arguments)
            finally:
                await connection.close()

        return [dict(row) for row in asyncio.run(fetch())]


@dataclass(frozen=True)
class Bucket:
    """The bucket, by the store's own API."""

    client: Any
    name: str

    def all_keys(self) -> set[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return {item["Key"] for page in pages for item in page.get("Contents", [])}

    def keys(self) -> set[str]:
        """All of them, but for the service's own probes and what waits to be copied from staging."""
        return {key for key in self.all_keys() if not key.startswith(".holdfast/")}

    def has(self, key: str) -> bool:
        return key in self.all_keys()

    def unfinished(self) -> list[str]:
        return [upload["Key"] for upload in self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])]

    def read(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()


def bucket_client(environment: dict[str, str]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=environment["S3_ENDPOINT_URL"],
        aws_access_key_id=environment["S3_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["S3_SECRET_ACCESS_KEY"],
        region_name=environment["S3_REGION"],
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )


UNREADABLE = """
    SELECT f.id FROM file_uploads f LEFT JOIN stored_objects o ON o.id = f.current_object_id
    WHERE f.status IN ('available', 'deleted') AND o.state IS DISTINCT FROM 'stored'
"""

# What owners are told that they have, less what files and reserved objects say: one statement, one snapshot.
MISCOUNTED = """
    SELECT owner_id, sum(bytes) AS bytes, sum(files) AS files, sum(reserved_bytes) AS reserved_bytes,
           sum(reserved_files) AS reserved_files
      FROM (
        SELECT owner_id, bytes, files, reserved_bytes, reserved_files FROM owner_usage
        UNION ALL SELECT owner_id, bytes, files, reserved_bytes, reserved_files FROM usage_changes
        UNION ALL SELECT owner_id, -coalesce(file_size, 0), -1, 0, 0 FROM file_uploads
                   WHERE status IN ('available', 'deleted')
        UNION ALL SELECT held_for, 0, 0, -held_bytes, -held_files FROM stored_objects
                   WHERE state = 'reserved' AND held_for IS NOT NULL
      ) AS counted
     GROUP BY owner_id
    HAVING (sum(bytes), sum(files), sum(reserved_bytes), sum(reserved_files)) <> (0, 0, 0, 0)
"""


def miscounted(registry: Registry) -> list[str]:
    """Owners whose usage isn't what the registry holds."""
    return [f"usage differs by {row}" for row in registry.rows(MISCOUNTED)]


def disagreements(registry: Registry, bucket: Bucket) -> list[str]:
    """Every way in which registry and bucket differ right now; empty when they agree."""
    rows = registry.rows("SELECT key, state FROM stored_objects")
    stored = {row["key"] for row in rows if row["state"] == "stored"}
    keys = bucket.keys()
    found = [f"object without row: {key}" for key in keys - stored]
    found += [f"row without object: {key}" for key in stored - bucket.all_keys()]
    # A row that waits to be looked at once more is no disagreement; an object under it is one, by the first rule.
    found += [f"unfinished row: {row['key']}" for row in rows if row["state"] == "reserved"]
    found += [f"unfinished multipart upload: {key}" for key in bucket.unfinished()]
    found += miscounted(registry)
    found += [
        f"pending file: {row['id']}" for row in registry.rows("SELECT id FROM file_uploads WHERE status = 'pending'")
    ]
    return found + [f"file without object: {row['id']}" for row in registry.rows(UNREADABLE)]


def wait_for_agreement(registry: Registry, bucket: Bucket) -> None:
    """Give what is still being undone its time, then insist."""
    try:
        wait_until(lambda: not disagreements(registry, bucket), timeout_seconds=10)
    except AssertionError:
        assert disagreements(registry, bucket) == []
