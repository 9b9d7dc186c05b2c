"""What is asked of a service under attack."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs


@pytest.fixture
def failures():
    """What the service logged as failed by the end; none may."""
    with capture_logs() as log:
        yield
    assert [entry["event"] for entry in log if entry["log_level"] in {"error", "critical"}] == []
