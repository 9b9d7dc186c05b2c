"""One count over all processes, in Redis, and whatever becomes of that."""

from __future__ import annotations

import httpx
import pytest
from structlog.testing import capture_logs

from tests.support.races import together
from tests.support.rates import FIVE, statuses, used_up
from tests.support.redis_server import redis_server
from tests.support.service import wait_until

pytestmark = pytest.mark.compared_once


@pytest.fixture
def redis():
    with redis_server() as server:
        yield server


@pytest.fixture
def shared(redis):
    return FIVE | {"rate_limit_storage_url": redis.url}


def test_two_services_share_one_count(start_service, shared):
    with (
        start_service(rates=shared) as one,
        start_service(rates=shared) as other,
        one.client("alice") as here,
        other.client("alice") as there,
    ):
        left = [client.get("/files").headers["RateLimit-Remaining"] for client in (here, there, here, there, here)]
        assert left == ["4", "3", "2", "1", "0"]
        for client in (here, there):
            refused = client.get("/files")
            assert refused.status_code == 429
            assert 0 < int(refused.headers["Retry-After"]) <= 86_400


def test_many_at_once_at_two_services_get_no_more_than_there_is(start_service, shared):
    with (
        start_service(rates=shared) as one,
        start_service(rates=shared) as other,
        one.client("alice") as here,
        other.client("alice") as there,
    ):
        clients = (here, there)
        answers = together(lambda number: clients[number % 2].get("/files").status_code, callers=20)
    assert sorted(answers) == [200] * 5 + [429] * 15


def test_nobody_is_named_in_redis(start_service, shared, redis):
    with start_service(rates=shared) as service, service.client("alice") as alice, service.client(None) as nobody:
        statuses(alice, 1)
        statuses(nobody, 1)
    with redis.client as client:
        keys = client.keys()
        assert len(keys) == 2
        assert [key for key in keys if b"alice" in key or b"127.0.0.1" in key] == []
        assert all(client.ttl(key) > 0 for key in keys)


def counting(service) -> str:
    """What readiness says of the counter."""
    service.app.state.readiness._answered_at = float("-inf")
    answer = httpx.get(f"{service.base_url}/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert "hunter2" not in answer.text
    return answer.json()["checks"]["rate_limit_storage"]["status"]


@pytest.mark.parametrize("fault", ["killed", "hanging"])
def test_while_redis_is_away_each_process_counts_by_itself(start_service, shared, redis, fault):
    with start_service(rates=shared) as service, service.client("alice") as alice, capture_logs() as log:
        assert statuses(alice, 1) == [200]
        assert counting(service) == "ok"
        redis.kill() if fault == "killed" else redis.hang()
        assert used_up(alice).status_code == 429
        assert counting(service) == "failed"
        redis.start() if fault == "killed" else redis.go_on()
        # A second later it is asked again. One that was killed has forgotten, another one has not.
        most_left = {"killed": 4, "hanging": 3}[fault]
        with service.client("bob") as bob:
            wait_until(lambda: bob.get("/files").status_code == 200 and counts_together(log))
        answer = alice.get("/files")
        assert answer.status_code == 200
        assert int(answer.headers["RateLimit-Remaining"]) <= most_left
        assert counting(service) == "ok"
    said = [entry for entry in log if entry["event"].startswith("rate_limit_storage")]
    assert [entry["event"] for entry in said if entry["log_level"] == "warning"] == ["rate_limit_storage_unavailable"]
    assert "hunter2" not in str(said)


def counts_together(log) -> bool:
    return any(entry["event"] == "rate_limit_storage_available" for entry in log)


@pytest.mark.parametrize(
    "address",
    [
        "redis://127.0.0.1:1",
        "rediss://127.0.0.1:{port}",
        "redis://:wrong@127.0.0.1:{port}/3",
        "redis://nowhere.invalid",
    ],
)
def test_a_redis_that_never_worked_stops_nobody(start_service, redis, address):
    rates = FIVE | {"rate_limit_storage_url": address.format(port=redis.port)}
    with start_service(rates=rates) as service, service.client("alice") as alice:
        assert used_up(alice).status_code == 429
        assert counting(service) == "failed"
