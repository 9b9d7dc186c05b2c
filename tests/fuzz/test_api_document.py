"""A bounded round of the fuzz; `make fuzz` runs the long one (FUZZ_EXAMPLES, FUZZ_CASES, FUZZ_SEED)."""

from __future__ import annotations

import os
import random
from uuid import uuid4

import pytest

from tests.fuzz.campaign import Plan, run
from tests.support.stores import wait_for_agreement

# Of the long round; in the short one few calls that are meant to be right stand beside all the systematic wrong ones.
LEAST_SHARE, LEAST_SHARE_SHORT = 0.2, 0.1
# An owner's token can't get a 2xx there.
FOR_ADMINS = {
    "GET /api/v1/audit",
    "PUT /api/v1/usage/{owner_id}/limits",
    "DELETE /api/v1/usage/{owner_id}/limits",
}
EXAMPLES = os.environ.get("FUZZ_EXAMPLES")


@pytest.fixture(scope="module")
def plan():
    """The same short round every time, unless a long one was asked for."""
    if EXAMPLES is None:
        return Plan(examples=6, seed=1, most_seconds=600, draws_wrong=False)
    seed = int(os.environ.get("FUZZ_SEED", random.randrange(1_000_000)))
    return Plan(int(EXAMPLES), seed, most_seconds=3_000, draws_wrong=True)


@pytest.fixture(autouse=True)
def agreement(registry, bucket):
    """Whatever was asked, registry and bucket agree."""
    yield
    wait_for_agreement(registry, bucket)


@pytest.mark.timeout(3_600)
def test_the_service_does_what_its_document_says(service, plan, capsys):
    subject = f"fuzz-{uuid4().hex}"
    with service.client(subject, ttl_seconds=7_200) as client:
        report = run(service, client, subject, plan)
    with capsys.disabled():
        print(f"\nFUZZ_SEED={plan.seed}: {report.as_text()}")  # noqa: T201 -- what `make fuzz` is read for
    faults = [*report.errors, *report.failures.values()]
    assert not faults, "\n\n".join([f"{len(faults)} faults", *faults])
    assert report.cases >= int(os.environ.get("FUZZ_CASES", "1000"))
    asked = {label for label in report.answers if "/" in label} - FOR_ADMINS
    least = LEAST_SHARE_SHORT if EXAMPLES is None else LEAST_SHARE
    rare = [label for label in asked if report.share(label) < least]
    assert rare == []
