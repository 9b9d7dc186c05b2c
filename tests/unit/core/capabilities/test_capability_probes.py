"""What counts as kept, on a store that keeps what each test tells it to."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from app.config import StoreSettings
from app.core.capabilities import sandbox
from app.core.capabilities.probes import TRIALS, probe_capabilities
from app.core.capabilities.store import NAMES
from app.core.s3.adapter import S3
from app.core.s3.errors import StorageUnavailable
from tests.matrix import page
from tests.support.small_store import small_store


async def probed(endpoint_url: str) -> dict[str, bool]:
    settings = StoreSettings(
        _env_file=None,
        bucket_name="files",
        endpoint_url=endpoint_url,
        access_key_id="AKIAEXAMPLE",
        secret_access_key="secret",
        read_timeout_seconds=5,
    )
    s3 = S3(settings)
    try:
        return await probe_capabilities(s3)
    finally:
        await s3.close(5.0)


def test_each_flag_has_its_trial_and_its_line_on_the_page():
    assert [trial.__name__ for trial in TRIALS] == list(NAMES) == list(page.TRIALS)


@pytest.mark.parametrize(
    ("habits", "is_kept"),
    [
        ({}, True),
        ({"condition": "in turn"}, False),
        ({"condition": "ignored"}, False),
        ({"signed_headers_required": False}, False),
    ],
    ids=["one winner", "right in turn, several winners at once", "always overwritten", "the header may be left out"],
)
async def test_a_conditional_put_counts_only_if_it_holds_under_a_race(habits, is_kept):
    """Case 13: Swift answers 412 in sequence and lets up to 16 win at once."""
    with small_store(**habits) as (endpoint_url, store):
        assert (await probed(endpoint_url))["conditional_put"] is is_kept
        assert store.objects == {}


@pytest.mark.parametrize("status", [400, 403, 405, 500, 501])
async def test_a_store_without_post_policies_says_so_in_many_ways(status):
    """Case 11: R2 answers 501, others whatever comes to their mind."""
    with small_store(posts=status) as (endpoint_url, store):
        assert (await probed(endpoint_url))["post_policy"] is False
        assert store.objects == {}


async def test_a_store_that_takes_every_form_keeps_no_policy():
    with small_store(posts=204) as (endpoint_url, _):
        assert (await probed(endpoint_url))["post_policy"] is False


async def test_what_is_not_implemented_is_not_kept():
    with small_store() as (endpoint_url, _):
        found = await probed(endpoint_url)
    assert {name for name, is_kept in found.items() if is_kept} == {"conditional_put"}


async def test_a_store_that_begins_to_fail_gives_no_verdict():
    with small_store(plain_puts_fail_after=50) as (endpoint_url, store), pytest.raises(StorageUnavailable):
        await probed(endpoint_url)
    assert store.objects == {}


async def test_a_store_that_takes_for_ever_gives_no_verdict(monkeypatch):
    monkeypatch.setattr(sandbox, "TRIALS_TIMEOUT_SECONDS", 0.0)
    with small_store() as (endpoint_url, store), pytest.raises(StorageUnavailable):
        await probed(endpoint_url)
    assert store.objects == {}


async def test_trying_logs_neither_urls_nor_keys():
    with small_store() as (endpoint_url, _), capture_logs() as logs:
        await probed(endpoint_url)
    assert "X-Amz" not in str(logs)
    assert "AKIAEXAMPLE" not in str(logs)
    assert "trial-" not in str(logs)
