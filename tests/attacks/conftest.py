"""The services of the integration suite, and services in processes of their own whose memory can be measured."""

from contextlib import contextmanager

import pytest

from tests.attacks.victim import Victim
from tests.integration.conftest import (
    admin,
    agreement_at_the_end,
    alice,
    anonymous,
    base_settings,
    bob,
    capabilities,
    corner,
    methods,
    own_corner,
    own_registry,
    service,
    start_service,
    upload,
)
from tests.support.processes import serving
from tests.support.service import settings_with
from tests.support.stores import wait_for_agreement

__all__ = [
    "admin",
    "agreement_at_the_end",
    "alice",
    "anonymous",
    "base_settings",
    "bob",
    "capabilities",
    "corner",
    "methods",
    "own_corner",
    "own_registry",
    "service",
    "start_service",
    "upload",
]


@pytest.fixture(scope="module", autouse=True)
def agreement(registry, bucket):
    """Whatever the attack was, registry and bucket agree after it."""
    yield
    wait_for_agreement(registry, bucket)


@pytest.fixture
def start_victim(base_settings):
    """Start `python -m app serve` in a process of its own: `with start_victim(RATE_LIMIT="600/minute") as victim`."""

    @contextmanager
    def start(**variables: str):
        with serving(settings_with(base_settings), **variables) as served:
            yield Victim(served)

    return start
