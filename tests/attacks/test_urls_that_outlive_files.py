"""A PUT URL is used again after its file is gone: its bytes were served, unverified, by the old URLs that read."""

from __future__ import annotations

import pytest

from tests.support.outliving import ENDS, EVIL, Outliving, hard_delete, quick_client, replace
from tests.support.service import wait_until


@pytest.fixture(scope="module")
def client(start_service):
    with quick_client(start_service) as client:
        yield client


@pytest.mark.parametrize("end", [hard_delete, replace])
def test_no_old_url_reads_what_another_old_url_wrote(client, registry, bucket, end):
    """Expiry seven days; complete; hard delete or replace; wait until it's gone; PUT other bytes of that length."""
    each = Outliving.begun(client, registry, bucket, "put")
    end(each)
    each.wait_until_given_up_objects_are_gone()
    each.write_late()
    assert EVIL not in each.readable()


# What is available kept its key filled, and the condition of the URL refused the late bytes.
EMPTIED = [end for end in ENDS if end not in {"completion", "soft delete and restore"}]


@pytest.mark.parametrize("end", EMPTIED)
def test_bytes_that_nobody_counts_lie_in_the_bucket_for_no_longer_than_seconds(client, registry, bucket, end):
    """They lay there until the URL ended: up to seven days, and usage said 0."""
    each = Outliving.begun(client, registry, bucket, "put")
    ENDS[end](each)
    each.wait_until_given_up_objects_are_gone()
    each.write_late()
    wait_until(lambda: each.evil_keys() == set())
