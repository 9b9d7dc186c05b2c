"""Copies take over bytes only, also where a store doesn't know what a copy could take over besides."""

from __future__ import annotations

from app.config import StoreSettings
from app.core.s3.adapter import S3
from tests.support.small_store import small_store


async def test_a_store_that_knows_no_tags_is_asked_to_replace_them_once_and_copies_all_the_same():
    """Cloudflare's R2 answers 501 to the directive."""
    with small_store(copies=True) as (endpoint_url, store):
        store.objects["/files/a"] = b"bytes"
        s3 = S3(
            StoreSettings(
                _env_file=None,
                bucket_name="files",
                endpoint_url=endpoint_url,
                access_key_id="AKIAEXAMPLE",
                secret_access_key="secret",
            )
        )
        for key in ("b", "c"):
            await s3.copy("a", key, source_etag='"e"', content_type="text/plain", metadata={})
        await s3.close(5)
        assert store.objects["/files/b"] == store.objects["/files/c"] == b"bytes"
        # The refused one and the two copies.
        assert store.puts == 3
