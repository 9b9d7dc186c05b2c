"""Looking at registry and bucket from outside, as an operator would: by SQL and by listing."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.request import urlopen

import asyncpg
import boto3
import botocore.handlers
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
        """Read off the pages as they come: it's done after every test, and boto3 takes ten times as long."""
        keys: set[str] = set()
        page: dict[str, str] = {}
        while True:
            url = self.client.generate_presigned_url("list_objects_v2", Params={"Bucket": self.name, **page})
            with urlopen(url) as response:
                answer = response.read().decode()
            keys |= {unescape(key) for key in re.findall(r"<Key>([^<]*)</Key>", answer)}
            following = re.search(r"<NextContinuationToken>([^<]*)</NextContinuationToken>", answer)
            if following is None:
                return keys
            page = {"ContinuationToken": unescape(following[1])}

    def keys(self) -> set[str]:
        """All of them, but for the service's own probes and what waits to be copied from staging."""
        return {key for key in self.all_keys() if is_kept(key)}

    def has(self, key: str) -> bool:
        return key in self.all_keys()

    def unfinished(self) -> list[str]:
        return [key for key, _ in self.unfinished_uploads()]

    def unfinished_uploads(self, prefix: str = "") -> list[tuple[str, str]]:
        """Key and upload id of each."""
        uploads = self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])
        return [(upload["Key"], upload["UploadId"]) for upload in uploads if upload["Key"].startswith(prefix)]

    def read(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()


def is_kept(key: str) -> bool:
    """Whether it is a file's, not one of the service's own probes, nor waiting to be copied from staging."""
    return not key.startswith(".holdfast/")


def bucket_client(environment: dict[str, str]) -> Any:
    client = boto3.client(
        "s3",
        endpoint_url=environment["S3_ENDPOINT_URL"],
        aws_access_key_id=environment["S3_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["S3_SECRET_ACCESS_KEY"],
        region_name=environment["S3_REGION"],
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )
    # Keys as they are: some stores say that they encode them, and don't.
    client.meta.events.unregister(
        "before-parameter-build.s3.ListObjectsV2", botocore.handlers.set_list_objects_encoding_type_url
    )
    return client


# Of the thousands of rows that a suite leaves behind, only those that can disagree. To the journal: every change
# of a record counts its version up and has its entry, and a file that has gone has one that says how. (What tests
# write by SQL has neither.)
LEDGER = """
    SELECT 'stored' AS what, key AS name FROM stored_objects WHERE state = 'stored'
    UNION ALL SELECT 'unfinished row', key FROM stored_objects WHERE state = 'reserved'
    UNION ALL SELECT 'pending file', id::text FROM file_uploads WHERE status = 'pending'
    UNION ALL SELECT 'file without object', f.id::text
    FROM file_uploads f LEFT JOIN stored_objects o ON o.id = f.current_object_id
    WHERE f.status IN ('available', 'deleted') AND o.state IS DISTINCT FROM 'stored'
    UNION ALL SELECT 'change that the journal does not know', f.id::text
    FROM file_uploads f JOIN audit_entries e ON e.file_id = f.id GROUP BY f.id
    HAVING f.version <> count(*) FILTER (
        WHERE e.action LIKE 'file.%' AND e.action <> 'file.create_upload'
        AND (e.result = 'ok' OR e.action = 'file.reject'))
    UNION ALL SELECT DISTINCT 'end that the journal does not know', o.file_id::text FROM stored_objects o
    WHERE o.role IN ('content', 'staging') AND NOT EXISTS (SELECT 1 FROM file_uploads f WHERE f.id = o.file_id)
      AND NOT EXISTS (
        SELECT 1 FROM audit_entries e WHERE e.file_id = o.file_id AND (
            (e.result = 'ok' AND e.action IN ('file.hard_delete', 'file.purge', 'file.abort'))
            OR (e.result = 'rejected' AND e.action IN ('file.upload', 'file.copy', 'file.create_upload'))))
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
    rows = registry.rows(LEDGER)
    stored = {row["name"] for row in rows if row["what"] == "stored"}
    keys = bucket.all_keys()
    found = [f"object without row: {key}" for key in keys - stored if is_kept(key)]
    found += [f"row without object: {key}" for key in stored - keys]
    found += [f"unfinished multipart upload: {key}" for key in bucket.unfinished()]
    # A row that waits to be looked at once more is no disagreement; an object under it is one, by the first rule.
    found += [f"{row['what']}: {row['name']}" for row in rows if row["what"] != "stored"]
    return found + miscounted(registry)


def wait_for_agreement(registry: Registry, bucket: Bucket) -> None:
    """Give what is still being undone its time, then insist."""
    try:
        wait_until(lambda: not disagreements(registry, bucket), timeout_seconds=10)
    except AssertionError:
        assert disagreements(registry, bucket) == []
