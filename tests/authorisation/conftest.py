"""The service of the integration suite. Files of the stage stand for a whole module; then registry and bucket agree."""

import pytest

from tests.integration.conftest import base_settings, capabilities, service, start_service
from tests.support.stores import wait_for_agreement

__all__ = ["base_settings", "capabilities", "service", "start_service"]


@pytest.fixture(scope="module", autouse=True)
def agreement(registry, bucket):
    """The promise, once nothing is pending on purpose."""
    yield
    wait_for_agreement(registry, bucket)
