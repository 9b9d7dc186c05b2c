"""Beginning to read an object: whatever comes of it, its connection goes back."""

from __future__ import annotations

import asyncio

import pytest

from app.config import StoreSettings
from app.core.s3.adapter import S3
from app.core.s3.errors import StorageUnavailable
from tests.support.service import wait_until
from tests.support.small_store import small_store


async def test_an_answer_that_does_not_say_how_long_it_is_gives_its_connection_back():
    with small_store(lengths_told=False) as (endpoint_url, store):
        store.objects["/files/a.bin"] = bytes(100_000)
        s3 = S3(
            StoreSettings(
                _env_file=None,
                bucket_name="files",
                endpoint_url=endpoint_url,
                access_key_id="AKIAEXAMPLE",
                secret_access_key="secret",
            )
        )
        failures = []
        for _ in range(5):
            with pytest.raises(StorageUnavailable) as failure:
                await s3.open("a.bin")
            failures.append(failure)  # holds the frames, so that no collector closes what we forgot
        await asyncio.sleep(0)  # the turn of what was called back last
        assert s3.open_streams == 0
        wait_until(lambda: store.connections == 0)
        await s3.close(5)
