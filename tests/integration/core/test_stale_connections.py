"""A registry that was restarted: pooled connections whose server is gone are replaced before anybody gets one."""

from __future__ import annotations

import pytest

from app.core import connections
from tests.support.races import together
from tests.support.service import wait_until

IDLE = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'holdfast' AND state = 'idle'"


@pytest.fixture
def restart(service, registry):
    """End all connections that lie in a pool, as a restart of PostgreSQL does."""

    def end_all() -> None:
        def ask(_number: int) -> int:
            with service.client("alice") as client:
                return client.get("/files").status_code

        assert together(ask) == [200] * 8
        ended = registry.rows(f"SELECT pid, pg_terminate_backend(pid) {IDLE}")
        assert ended
        pids = [row["pid"] for row in ended]
        wait_until(lambda: not registry.rows("SELECT 1 FROM pg_stat_activity WHERE pid = ANY($1)", pids))

    return end_all


@pytest.mark.parametrize("trusted_seconds", [1000.0, -1.0], ids=["known to be closed", "asked, for it lay idle"])
def test_no_request_fails_after_the_registry_was_restarted(service, restart, monkeypatch, trusted_seconds):
    monkeypatch.setattr(connections, "TRUSTED_SECONDS", trusted_seconds)
    restart()

    def ask(_number: int) -> int:
        with service.client("alice") as client:
            return client.get("/files").status_code

    assert together(ask) == [200] * 8
