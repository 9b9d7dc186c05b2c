"""Quotas under many at once: exactly what there is room for is let in, and nobody waits for ever."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from functools import partial
from itertools import cycle
from uuid import uuid4

import pytest

from tests.support.processes import serving
from tests.support.races import at_once
from tests.support.states import hard_delete

CALLERS, ROOM = 50, 10
SIZE = 1000
ROOMS = {"files": {"max_files": ROOM}, "bytes": {"max_bytes": ROOM * SIZE + SIZE - 1}}


def upload(client):
    return client.put("/files/raw/data.bin", content=b"x" * SIZE)


def begin(client):
    wish = {"filename": "data.bin", "content_type": "application/octet-stream", "file_size": SIZE}
    return client.post("/files/uploads", json=wish)


def begin_once(client):
    """With a key, which takes a transaction of several statements."""
    wish = {"filename": "data.bin", "content_type": "application/octet-stream", "file_size": SIZE}
    return client.post("/files/uploads", json=wish, headers={"Idempotency-Key": uuid4().hex})


def rush(clients, call) -> Counter:
    """All at once, over these clients in turn; which answers came how often."""
    turn = cycle(clients)
    answers = at_once(*(partial(call, next(turn)) for _ in range(CALLERS)))
    return Counter((answer.status_code, answer.json().get("code")) for answer in answers)


EXACTLY = Counter({(201, None): ROOM, (413, "quota_exceeded"): CALLERS - ROOM})


@pytest.mark.parametrize("kind", ROOMS)
@pytest.mark.parametrize("call", [upload, begin, begin_once])
def test_exactly_what_there_is_room_for_is_let_in(start_service, registry, bucket, owner, kind, call):
    before = bucket.keys()
    with start_service(quota=ROOMS[kind]) as service, service.client(owner) as client:
        assert rush([client], call) == EXACTLY
        shown = client.get("/usage").json()
        assert (shown["files"] + shown["reserved_files"], shown["bytes"] + shown["reserved_bytes"]) == (10, 10_000)
        assert len(registry.rows("SELECT 1 FROM stored_objects WHERE held_for = $1", owner)) == ROOM
        assert len(bucket.keys() - before) == (ROOM if call is upload else 0), "no byte of the others was stored"
        remove_all(client)
        assert client.get("/usage").json()["bytes"] == 0


def remove_all(client) -> None:
    for status in ("available", "pending"):
        for file in client.get("/files", params={"status": status}).json()["items"]:
            assert client.delete(f"/files/{file['id']}", params={"hard_delete": True}).status_code == 204


@pytest.fixture
def two_processes(service, owner):
    """Clients of the owner's, one of each of two processes that allow it as much."""
    with ExitStack() as stack:
        quota = {"QUOTA_MAX_FILES": str(ROOM), "QUOTA_MAX_BYTES": str(ROOM * SIZE)}
        started = [
            stack.enter_context(serving(service.settings, S3_ALLOWED_EXTENSIONS="bin", **quota)) for _ in range(2)
        ]
        yield [stack.enter_context(process.client(service.token(owner))) for process in started]


def test_two_processes_let_in_no_more_than_one(two_processes):
    for call in (upload, begin):
        assert rush(two_processes, call) == EXACTLY
        remove_all(two_processes[0])


def test_room_that_comes_free_is_given_out_once(start_service, registry, owner):
    with start_service(quota={"max_files": ROOM}) as service, service.client(owner) as client:
        files = [upload(client).json() for _ in range(ROOM)]
        for file in files[:3]:
            hard_delete(client, registry, file)
        assert rush([client], upload)[(201, None)] == 3
