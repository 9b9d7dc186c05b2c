"""Batches that cost more than one request may: many ids at once, and clients that don't wait for the answer."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from structlog.testing import capture_logs

from tests.attacks.scale import scaled
from tests.support.locks import WAITING, open_transaction, wait_for_a_waiter
from tests.support.service import wait_until
from tests.support.statements import counted_statements

IDS = 1_000
FEW_STATEMENTS = 40
OPERATIONS = {"delete": {}, "hard_delete": {}, "restore": {}, "move": {"folder": "to"}, "copy": {}}
# The limits, which the suite switches off; of ids in a day, which ends during hardly any test.
LIMITS = {"RATE_LIMIT_IDS": "10000/day", "BATCHES_MAX_CONCURRENT": "2"}


def absent(count: int = IDS) -> list[str]:
    return [str(uuid4()) for _ in range(count)]


def batch_of(ids: list[str], operation: str = "delete") -> dict:
    return {"operation": operation, "ids": ids, **OPERATIONS[operation]}


@contextmanager
def unread(port: int, token: str, body: dict):
    """A connection on which a batch was sent whose answer nobody reads."""
    content = json.dumps(body).encode()
    head = (
        f"POST /api/v1/files/batch HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(head.encode() + content)
        yield connection


@contextmanager
def another_caller(client: httpx.Client):
    """Asks for its files again and again until the block ends; yields the status and the seconds of each answer."""
    answers: list[tuple[int, float]] = []
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            started = time.monotonic()
            status = client.get("/files").status_code
            answers.append((status, time.monotonic() - started))
            is_over.wait(0.05)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    try:
        yield answers
    finally:
        is_over.set()
        asking.join(60)


def cpu_seconds(pid: int) -> float:
    """How long a process has run on a processor."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_idle(pid: int) -> bool:
    """Whether a process hardly runs for half a second."""
    before = cpu_seconds(pid)
    time.sleep(0.5)  # over so long it is measured
    return cpu_seconds(pid) - before < 0.05


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_thousand_ids_cost_a_few_statements(alice, operation):
    with counted_statements() as counts:
        answer = alice.post("/files/batch", json=batch_of(absent(), operation))
    assert {result["status"] for result in answer.json()["results"]} == {404}
    assert 0 < counts[answer.headers["X-Request-ID"]] <= FEW_STATEMENTS


def test_a_batch_whose_client_is_gone_changes_nothing_more(service, alice, upload, registry):
    files = [upload(b"file %d" % number) for number in range(3)]
    ids = absent(IDS - 3)
    for position, file in zip((0, 500, IDS - 1), files, strict=True):
        ids.insert(position, file["id"])
    with capture_logs() as logged:
        with open_transaction(registry) as run:
            run("SELECT 1 FROM file_uploads WHERE id = $1 FOR UPDATE", files[0]["id"])
            with unread(service.port, service.token("alice"), batch_of(ids)):
                wait_for_a_waiter(registry)
            # The service has seen by now what became of its connections.
            assert alice.get("/files").status_code == 200
        wait_until(lambda: any(entry.get("route", "").endswith("/files/batch") for entry in logged))
    assert [alice.get(f"/files/{file['id']}").json()["status"] for file in files[1:]] == ["available"] * 2


def test_clients_that_left_keep_nobody_waiting(service, start_victim):
    """Thirty batches of a thousand ids, closed after a second, once worked for 150 s and brought others to 503."""
    # Without the limits, which would refuse most of them.
    with start_victim() as victim, victim.client(service.token("bob")) as bob:
        pid = victim.served.child.pid
        with another_caller(bob) as answers:
            with ExitStack() as stack:
                for _ in range(scaled(10, 30)):
                    stack.enter_context(unread(victim.port, service.token("alice"), batch_of(absent())))
                time.sleep(1)  # so long they wait for an answer
            closed, asked = cpu_seconds(pid), len(answers)
            wait_until(lambda: len(answers) >= asked + 3, timeout_seconds=60)
        wait_until(lambda: is_idle(pid), timeout_seconds=300)
        # Seconds of a processor, which are as many on a busy machine. Nobody waits for what they are spent on.
        assert cpu_seconds(pid) - closed < 3
    assert {status for status, _ in answers} == {200}
    assert max(seconds for _, seconds in answers) < 10


def test_the_ids_of_batches_and_of_urls_count(service, start_victim):
    with start_victim(**LIMITS) as victim:
        for path, body in {"/files/batch": {"operation": "delete"}, "/files/presigned-urls": {}}.items():
            with victim.client(service.token(f"alice-{uuid4()}")) as client:
                statuses = [client.post(path, json={**body, "ids": absent()}).status_code for _ in range(11)]
            assert statuses == [200] * 10 + [429]


def test_two_batches_of_one_caller_run_at_once_and_no_third(service, start_victim, upload, registry):
    file, token = upload(b"waited for"), service.token("alice")
    with start_victim(**LIMITS) as victim, victim.client(token) as client, open_transaction(registry) as run:
        run("SELECT 1 FROM file_uploads WHERE id = $1 FOR UPDATE", file["id"])
        with unread(victim.port, token, batch_of([file["id"]])), unread(victim.port, token, batch_of([file["id"]])):
            wait_for_waiters(registry, 2)
            third = client.post("/files/batch", json=batch_of(absent(1)))
            with victim.client(service.token("bob")) as other:
                others = other.post("/files/batch", json=batch_of(absent(1)))
    assert (third.status_code, third.json()["code"]) == (429, "too_many_batches")
    assert int(third.headers["Retry-After"]) >= 1
    assert others.status_code == 200


def wait_for_waiters(registry, count: int) -> None:
    wait_until(lambda: len(registry.rows(WAITING)) >= count)
