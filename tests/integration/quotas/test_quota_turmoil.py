"""Everything that changes what two owners have, all at once: nobody waits in a ring, nothing is miscounted."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from functools import partial
from random import Random

import pytest

from app.modules.maintenance.services.jobs import Job
from tests.support.maintenance import Corner, fresh_prefix
from tests.support.races import at_once
from tests.support.service import wait_until
from tests.support.stores import miscounted

ROUNDS = 12
SIZE = 1000
QUOTA = {"max_files": 12, "max_bytes": 9_000}
OWNERS = ("alice", "bob")
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
# As if the time of some direct uploads were over, and of all that was soft-deleted.
END_UPLOADS = """
    UPDATE stored_objects SET lease_expires_at = now()
     WHERE id IN (SELECT id FROM stored_objects WHERE state = 'reserved' AND lease_token IS NULL
                   LIMIT 3 FOR UPDATE SKIP LOCKED)
"""
AGE_DELETED = """
    UPDATE file_uploads SET deleted_at = now() - interval '31 days'
     WHERE id IN (SELECT id FROM file_uploads WHERE status = 'deleted' FOR UPDATE SKIP LOCKED)
"""


class Turmoil:
    """What each of many callers does, again and again."""

    def __init__(self, corner: Corner, registry, stack: ExitStack) -> None:
        self._corner = corner
        self._registry = registry
        self._dice = Random(7)
        self.clients = [stack.enter_context(corner.service.client(name)) for name in OWNERS]
        self._admin = stack.enter_context(corner.service.client("root", scopes={"files:admin"}))
        self.answers: Counter[int] = Counter()

    def _note(self, answer):
        self.answers[answer.status_code] += 1
        return answer

    def _ids(self, client, limit: int) -> list[str]:
        return [file["id"] for file in self._note(client.get("/files", params={"limit": limit})).json()["items"]]

    def uploading(self, client) -> None:
        wish = {"filename": "data.bin", "content_type": "application/octet-stream", "file_size": SIZE}
        for _ in range(ROUNDS):
            self._note(client.put("/files/raw/data.bin", content=b"x" * SIZE))
            self._note(client.post("/files/uploads", json=wish))

    def replacing(self, client) -> None:
        for _ in range(ROUNDS):
            for file_id in self._ids(client, 3):
                content = b"y" * self._dice.randint(1, SIZE)
                self._note(client.put(f"/files/{file_id}/content", content=content))

    def batching(self, operation: str) -> None:
        for _ in range(ROUNDS):
            if both := self._ids(self._admin, 20):
                self._dice.shuffle(both)
                self._note(self._admin.post("/files/batch", json={"operation": operation, "ids": both[:10]}))

    def giving(self) -> None:
        for turn in range(ROUNDS):
            for file_id in self._ids(self._admin, 5):
                self._note(self._admin.patch(f"/files/{file_id}", json={"owner_id": OWNERS[turn % 2]}))

    def ending(self) -> None:
        for _ in range(ROUNDS):
            self._registry.rows(END_UPLOADS)
            self._registry.rows(AGE_DELETED)

    def purging(self) -> None:
        for _ in range(3):
            assert self._corner.run(Job.PURGE).failed is None


@pytest.fixture
def turmoil(start_service, own_registry, bucket):
    with ExitStack() as stack:
        service = stack.enter_context(
            start_service(
                upload={"cleanup_interval_seconds": 0.05},
                quota=QUOTA,
                database={"url": own_registry.dsn, "pool_size": 12},
                store={"key_prefix": fresh_prefix()},
            )
        )
        corner = Corner(service, bucket)
        yield Turmoil(corner, own_registry, stack)
        corner.empty()


def test_many_changes_of_two_owners_at_once_end_well(turmoil, own_registry):
    jobs = [partial(work, client) for work in (turmoil.uploading, turmoil.replacing) for client in turmoil.clients]
    jobs += [partial(turmoil.batching, operation) for operation in ("delete", "hard_delete", "copy")]
    at_once(*jobs, turmoil.giving, turmoil.ending, turmoil.purging)
    assert {status for status in turmoil.answers if status >= 500} == set(), turmoil.answers
    assert {200, 201, 413} <= set(turmoil.answers), turmoil.answers
    for client in turmoil.clients:
        shown = client.get("/usage").json()
        assert shown["files"] + shown["reserved_files"] <= QUOTA["max_files"]
        assert shown["bytes"] + shown["reserved_bytes"] <= QUOTA["max_bytes"]
    own_registry.rows("UPDATE stored_objects SET lease_expires_at = now() WHERE state = 'reserved'")
    wait_until(lambda: own_registry.rows("SELECT 1 FROM stored_objects WHERE state = 'reserved'") == [])
    assert miscounted(own_registry) == []
    assert own_registry.rows(DEADLOCKS) == [{"deadlocks": 0}]
