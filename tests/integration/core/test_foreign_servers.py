"""Under a server that never loads our protocol class the service guards what it can, and says what it can't."""

from __future__ import annotations

import httpx
import pytest
from structlog.testing import capture_logs

from app.core.framing_guard import ONLY_BY_PROTOCOL
from tests.attacks.framing_servers import embedding_app, plain_uvicorn, service_alone
from tests.support.raw_http import raw_connection
from tests.support.service import settings_with

FOREIGN = {
    "httptools": lambda settings: plain_uvicorn(settings, "httptools"),
    "h11": lambda settings: plain_uvicorn(settings, "h11"),
    "our class by its name": lambda settings: plain_uvicorn(settings, "app.core.http_protocol:BoundedHttpProtocol"),
    "embedded": embedding_app,
    "serve": service_alone,
}
GUARDED = {"serve", "our class by its name"}


@pytest.fixture(params=FOREIGN)
def kind(request):
    return request.param


@pytest.fixture
def target(kind, base_settings):
    settings = settings_with(base_settings, rates={"rate_limit": "8/minute"})
    with FOREIGN[kind](settings) as target:
        yield target


def get(target, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{target.port}{target.prefix}{path}", timeout=20)


def test_what_is_missing_is_said_once_in_the_log_and_under_ready(kind, target):
    with capture_logs() as log:
        for _ in range(3):
            framing = get(target, "/health/ready").json()["framing"]
    said = [entry["missing"] for entry in log if entry["event"] == "http_protocol_missing"]
    if kind in GUARDED:
        assert (framing, said) == ({"guarded_by": "protocol", "missing": []}, [])
    else:
        missing = list(ONLY_BY_PROTOCOL)
        assert (framing, said) == ({"guarded_by": "application", "missing": missing}, [missing])


@pytest.mark.parametrize(
    "lines",
    [
        ["Host: a", "Upgrade: h2c", "Connection: upgrade", "Content-Length: 5"],
        ["Host: a", "Upgrade: h2c", "Connection: upgrade", "Transfer-Encoding: chunked"],
        ["Host: a", "Host: b"],
        ["Host: a/b"],
    ],
)
def test_a_head_with_two_readings_is_a_problem_and_the_end_of_the_connection(target, lines):
    with raw_connection(target.port) as connection:
        connection.send("\r\n".join([f"GET {target.prefix}/health HTTP/1.1", *lines, "", ""]).encode())
        answer = connection.answer()
        assert connection.sock.recv(1) == b""
    assert answer.status == 400
    assert answer.headers["connection"] == "close"
    if answer.headers["content-type"] == "application/problem+json":
        assert answer.json()["code"] == "malformed_request"
    else:
        # h11 refuses two Hosts by itself.
        assert lines == ["Host: a", "Host: b"]


def test_what_asks_for_an_upgrade_without_a_body_is_answered_and_then_over(target):
    with raw_connection(target.port) as connection:
        connection.send_head("GET", f"{target.prefix}/health", {"Upgrade": "websocket", "Connection": "upgrade"})
        answer = connection.answer()
        assert connection.sock.recv(1) == b""
    assert (answer.status, answer.json(), answer.headers["connection"]) == (200, {"status": "ok"}, "close")


def test_the_limit_of_requests_holds_wherever_the_service_is_mounted(target):
    statuses = [get(target, "/api/v1/files").status_code for _ in range(9)]
    assert statuses == [401] * 8 + [429]
