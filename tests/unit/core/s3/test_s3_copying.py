"""Copies take over bytes only, also where a store doesn't know what a copy could take over besides."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from app.config import MEBIBYTE, StoreSettings
from app.core.s3.adapter import S3
from app.modules.files.s3_service import STANDARD, CopySource, FileStore, ObjectTarget
from tests.support.content import noise
from tests.support.small_store import small_store


def s3_of(endpoint_url: str) -> S3:
    return S3(
        StoreSettings(
            _env_file=None,
            bucket_name="files",
            endpoint_url=endpoint_url,
            access_key_id="AKIAEXAMPLE",
            secret_access_key="secret",
            copy_limit_mb=5,
        )
    )


async def test_a_store_that_knows_no_tags_is_asked_to_replace_them_once_and_copies_all_the_same():
    """Cloudflare's R2 answers 501 to the directive."""
    with small_store(copies=True) as (endpoint_url, store):
        store.objects["/files/a"] = b"bytes"
        s3 = s3_of(endpoint_url)
        for key in ("b", "c"):
            await s3.copy("a", key, source_etag='"e"', content_type="text/plain", metadata={})
        await s3.close(5)
        assert store.objects["/files/b"] == store.objects["/files/c"] == b"bytes"
        # The refused one and the two copies.
        assert store.puts == 3


@pytest.mark.parametrize("size_bytes", [5, 12 * MEBIBYTE], ids=["small", "large"])
async def test_what_a_header_stuck_to_is_copied_by_parts_whatever_its_size(size_bytes):
    """AWS takes no span of a small object, not even the whole one."""
    content = noise(size_bytes)
    with small_store(copies=True) as (endpoint_url, store):
        store.objects["/files/a"] = content
        s3 = s3_of(endpoint_url)
        files = FileStore(s3)
        head = replace(await files.head("a"), reader_headers=frozenset({"content-encoding"}))
        target = ObjectTarget("b", uuid4(), "application/pdf", STANDARD)
        await files.copy(CopySource("a", size_bytes, '"e"', head), target)
        await s3.close(5)
        assert store.objects["/files/b"] == content
