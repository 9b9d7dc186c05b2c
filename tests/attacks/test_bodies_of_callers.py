"""Whoever has signed in takes no more memory, time or attention with bodies than the others can spare."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack

import pytest

from tests.attacks.scale import scaled
from tests.attacks.storm import cpu_seconds, settled, victim
from tests.attacks.test_bodies_before_sign_in import head_of, routes_with_bodies, send_what_is_taken
from tests.support.raw_http import raw_connection

__all__ = ["victim"]
AS_JSON = {"Content-Type": "application/json"}


def test_bodies_of_one_caller_take_no_more_than_its_share(service, victim):
    with ExitStack() as stack:
        before = victim.peak_mebibytes
        head = head_of("application/json", service.token("alice"))
        for _ in range(scaled(150, 1_500)):
            connection = stack.enter_context(raw_connection(victim.port))
            connection.send_head("POST", "/api/v1/files/uploads", head)
            send_what_is_taken(connection, b" " * 890_000)
        # The share, what it is parsed into, and what the server reads at once from each connection, 64 KiB.
        assert settled(lambda: victim.peak_mebibytes) - before < scaled(80, 160)


def test_a_body_that_keeps_the_pace_still_has_to_end(service, victim):
    with raw_connection(victim.port) as connection:
        connection.send_head("POST", "/api/v1/files/uploads", head_of("application/json", service.token("alice")))
        connection.sock.settimeout(0.2)
        over = time.monotonic() + 20
        first = b""
        while not first and time.monotonic() < over:
            connection.send(b" " * 2_000)
            try:
                first = connection.sock.recv(1024)
            except TimeoutError:
                continue
    assert first.startswith(b"HTTP/1.1 408 ")


STORMS = {
    "checksums": {"part_numbers": [1], "checksums": {str(number): "x" for number in range(1, 70_001)}},
    "numbers": {"part_numbers": ["x"] * 1_000},
    "members": {f"member{number}": 1 for number in range(45_000)},
    "a name": {"n" * 900_000: 1},
    "ids": {"ids": ["x"] * 1_000, "operation": "delete"},
    "parts": {"parts": [{"part_number": "x", "etag": 1, "more": 1}] * 9_900},
    "scopes": {"name": "x", "scopes": ["x"] * 49_000},
}


@pytest.mark.parametrize("storm", STORMS)
def test_a_body_of_errors_has_a_short_answer(service, victim, storm):
    body = json.dumps(STORMS[storm], separators=(",", ":")).encode()
    assert len(body) < 1 << 20
    with victim.client(service.token("root", scopes={"files:admin"})) as client:
        client.get("/files")
        before = cpu_seconds(victim)
        for method, path, content_type in routes_with_bodies(service.app):
            if not content_type.endswith("json"):
                continue
            url = f"http://127.0.0.1:{victim.port}{path}"
            answer = client.request(method, url, content=body, headers=AS_JSON)
            assert answer.status_code == 422, (method, path)
            assert len(answer.content) < 16_384, (method, path, len(answer.content))
            assert len(answer.json().get("errors", ())) <= 20
        spent = cpu_seconds(victim) - before
    assert spent < 2.0


def test_an_address_of_errors_has_a_short_answer(service):
    query = "&".join(f"a{number}" for number in range(5_000))
    with service.client("alice") as alice:
        for path in ("/files", "/files/folders", "/keys", "/usage"):
            answer = alice.get(f"{path}?{query}")
            assert (answer.status_code, len(answer.content) < 16_384) == (422, True)
