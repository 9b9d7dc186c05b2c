"""Owners with a quota of their own, and one without."""

from __future__ import annotations

from contextlib import contextmanager
from uuid import uuid4

import pytest


@pytest.fixture
def owner():
    """The name of one who has no file yet."""
    return f"owner-{uuid4().hex}"


@pytest.fixture
def limited(start_service, owner):
    """A client of that owner's, of a service with these limits: `with limited(max_bytes=1000) as client`."""

    @contextmanager
    def start(**quota):
        with start_service(quota=quota) as service, service.client(owner) as client:
            yield client

    return start


@pytest.fixture
def roomy(service, owner):
    """The same, where nothing is limited."""
    with service.client(owner) as client:
        yield client
