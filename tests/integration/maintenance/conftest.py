"""Maintenance is run on a corner of its own, and so are the clients."""

from __future__ import annotations

import pytest


@pytest.fixture
def alice(corner):
    with corner.service.client("alice") as client:
        yield client
