"""Many workers purge at once: what the registry lets each of them claim, it lets no other."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.modules.maintenance.services.jobs import Job, Options
from tests.support.faulty_store import faulty_store
from tests.support.maintenance import Corner, counts, fresh_prefix, working


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("workers", "files"), [(2, 1000), (4, 5000)])
def test_many_workers_at_once_delete_each_object_once_and_skip_none(
    start_service, parts, bucket, own_registry, workers, files
):
    with faulty_store(parts["S3_ENDPOINT_URL"]) as proxy:
        store = {"key_prefix": fresh_prefix(), "endpoint_url": proxy.endpoint_url}
        # A connection for each removal at work: one that waits too long for it is put off and carried out again.
        alone = {
            "database": {"url": own_registry.dsn, "pool_size": 18},
            "outbox": {"enabled": False, "concurrency": 16},
        }
        with start_service(store=store, **alone) as service:
            corner = Corner(service, bucket)
            with ThreadPoolExecutor(16) as pool:
                # Every tenth is really there; the store is told to delete the others all the same.
                list(pool.map(lambda number: corner.put(f"{number}.txt"), range(0, files, 10)))
            own_registry.rows(
                "WITH numbers AS (SELECT n, gen_random_uuid() AS file, gen_random_uuid() AS object"
                "                 FROM generate_series(0, $2 - 1) n),"
                " objects AS (INSERT INTO stored_objects (id, key, file_id, role, state, size_bytes)"
                "             SELECT object, $1 || n || '.txt', file, 'content', 'stored', 15 FROM numbers)"
                " INSERT INTO file_uploads"
                " (id, owner_id, filename, content_type, file_size, status, deleted_at, current_object_id)"
                " SELECT file, 'alice', n || '.txt', 'text/plain', 15, 'deleted', now() - interval '31 days', object"
                " FROM numbers",
                corner.prefix,
                files,
            )

            async def purge():
                """Each with connections of its own, as processes have them."""
                run = [working(service.settings, lambda each: each.run(Job.PURGE, Options())) for _ in range(workers)]
                return await asyncio.gather(*run)

            reports = [counts(report) for report in asyncio.run(purge())]
    assert sum(found["purged files"][1] for found in reports) == files
    pattern = re.compile(rf"^DELETE /{bucket.name}/{corner.prefix}(\d+\.txt)$")
    deleted = Counter(found[1] for line in proxy.requests if (found := pattern.match(line)))
    assert len(deleted) == files
    assert set(deleted.values()) == {1}
    assert [key for key in bucket.all_keys() if key.startswith(corner.prefix) and key.endswith(".txt")] == []
    left = "SELECT state, count(*) FROM stored_objects WHERE key LIKE $1 GROUP BY 1"
    assert own_registry.rows(left, f"{corner.prefix}%.txt") == [{"state": "removed", "count": files}]
