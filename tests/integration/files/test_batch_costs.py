"""What a batch costs: few statements whatever its size, locks in one order, nothing once its client is gone."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from tests.support.faulty_store import faulty_store
from tests.support.locks import open_transaction, wait_for_a_waiter
from tests.support.races import at_once
from tests.support.service import wait_until
from tests.support.statements import counted_statements

OPERATIONS = {"delete": {}, "restore": {}, "move": {"folder": "to"}, "hard_delete": {}}


def batch(client, operation, ids, **fields):
    return client.post("/files/batch", json={"operation": operation, "ids": ids, **fields})


@pytest.fixture
def many(alice):
    """Two lists of files of alice's, a short one and a long one."""
    files = [alice.put("/files/raw/a.txt", content=b"%d" % number).json()["id"] for number in range(32)]
    return files[:2], files[2:]


def test_many_files_cost_no_more_statements_than_two(alice, many):
    for operation, fields in OPERATIONS.items():
        costs = []
        for ids in many:
            with counted_statements() as counts:
                answer = batch(alice, operation, ids, **fields)
            assert {result["status"] for result in answer.json()["results"]} <= {200, 204}
            costs.append(counts[answer.headers["X-Request-ID"]])
        assert costs[0] == costs[1] <= 10, operation


def test_every_changed_file_counts_one_version_and_has_one_entry(alice, many, registry):
    _, ids = many
    for operation, fields in OPERATIONS.items():
        batch(alice, operation, ids, **fields)
        if operation != "hard_delete":
            # Nothing changes, so that nothing is told.
            batch(alice, operation, ids, **fields)
            versions = registry.rows("SELECT version FROM file_uploads WHERE id = ANY($1::uuid[])", ids)
            assert len({row["version"] for row in versions}) == 1
    entries = "SELECT action FROM audit_entries WHERE file_id = $1 AND action <> 'file.upload' ORDER BY at, id"
    for file_id in ids:
        actions = [row["action"] for row in registry.rows(entries, file_id)]
        assert actions == ["file.delete", "file.restore", "file.update", "file.hard_delete"]


@pytest.mark.parametrize("operation", ["delete", "hard_delete", "move"])
def test_locks_are_taken_in_the_order_of_the_ids(alice, registry, many, operation):
    """Whoever waits for the first file holds no other: batches never wait for each other in a ring."""
    ids = sorted(many[1])
    with ThreadPoolExecutor(1) as pool:
        with open_transaction(registry) as run:
            run("SELECT 1 FROM file_uploads WHERE id = $1 FOR UPDATE", ids[0])
            running = pool.submit(batch, alice, operation, ids[::-1], **OPERATIONS[operation])
            wait_for_a_waiter(registry)
            run("SELECT 1 FROM file_uploads WHERE id = ANY($1::uuid[]) FOR UPDATE NOWAIT", ids)
        results = running.result(30).json()["results"]
    assert [result["id"] for result in results] == ids[::-1]
    assert {result["status"] for result in results} <= {200, 204}


def test_copies_that_were_not_begun_when_the_client_left_are_not_made(start_service, parts, bucket, many):
    with (
        faulty_store(parts["S3_ENDPOINT_URL"]) as proxy,
        start_service(store={"endpoint_url": proxy.endpoint_url}) as service,
        capture_logs() as logged,
    ):
        before = bucket.keys()
        proxy.stall_after(0, direction="up", matching=r"^PUT ")
        body = json.dumps({"operation": "copy", "ids": many[1]}).encode()
        head = (
            f"POST /api/v1/files/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
            f"Content-Type: application/json\r\nAuthorization: Bearer {service.token('alice')}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", service.port), 30) as connection:
            connection.sendall(head.encode() + body)
            wait_until(lambda: sum(each.startswith("PUT ") for each in proxy.requests) >= 8)
        with service.client("alice") as client:
            # The service has seen by now what became of its connections.
            assert client.get("/files").status_code == 200
        proxy.heal()
        wait_until(lambda: any(entry.get("route", "").endswith("/files/batch") for entry in logged))
        assert len(bucket.keys() - before) == 8


def test_an_id_to_copy_counts_as_ten(start_service):
    with start_service(rates={"rate_limit_ids": "10000/day"}) as service, service.client(f"alice-{uuid4()}") as client:
        ids = [str(uuid4()) for _ in range(1000)]
        assert batch(client, "copy", ids[:999]).status_code == 200
        refused = batch(client, "copy", ids[:2])
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert 0 < int(refused.headers["Retry-After"]) <= 172_800
        # What was refused was not counted.
        assert batch(client, "delete", ids[:10]).status_code == 200
        assert client.post("/files/presigned-urls", json={"ids": ids[:1]}).status_code == 429


def test_a_place_of_a_batch_is_free_again_however_it_ended(start_service, registry, many):
    with (
        start_service(rates={"batches_max_concurrent": 1}) as service,
        service.client("alice") as client,
        ThreadPoolExecutor(1) as pool,
    ):
        with open_transaction(registry) as run:
            run("SELECT 1 FROM file_uploads WHERE id = $1 FOR UPDATE", many[0][0])
            running = pool.submit(batch, client, "delete", many[0])
            wait_for_a_waiter(registry)
            for path, body in {"batch": {"operation": "delete"}, "presigned-urls": {}}.items():
                refused = client.post(f"/files/{path}", json={**body, "ids": many[1]})
                assert (refused.status_code, refused.json()["code"]) == (429, "too_many_batches")
                assert refused.headers["Retry-After"] == "1"
        assert running.result(30).status_code == 200
        assert batch(client, "delete", []).status_code == 422
        assert batch(client, "delete", many[1]).status_code == 200


def test_many_batches_at_once_each_get_all_their_results(service, many):
    """Beside each other on the same files, in both orders."""

    def send(operation, ids):
        with service.client("alice") as client:
            return {result["status"] for result in batch(client, operation, ids).json()["results"]}

    ids = many[1]
    jobs = [lambda o=o, i=i: send(o, i) for o in ("delete", "restore") for i in (ids, ids[::-1])] * 2
    assert set().union(*at_once(*jobs)) <= {200, 204}
