"""Maintenance as a command runs it, in a process of the test's own: other connections than the service has."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from uuid import uuid4

from app.composition import composed
from app.modules.files.models import StoredObject
from app.modules.maintenance.reports import Report
from app.modules.maintenance.services.jobs import Job, MaintenanceService, Options
from app.modules.maintenance.services.reconcile import Consent

T = TypeVar("T")
# What reconcile calls them.
UNKNOWN, LEFTOVER, MISSING = "unknown objects", "leftover objects", "missing objects"


class Corner:
    """A service, and maintenance of the corner of the bucket below its prefix."""

    def __init__(self, service, bucket) -> None:
        self.service = service
        self.bucket = bucket
        self.prefix = service.settings.store.key_prefix

    def with_service(self, work: Callable[[MaintenanceService], Awaitable[T]]) -> T:
        return asyncio.run(working(self.service.settings, work))

    def run(self, job: Job, *, ours: bool = False, lost: bool = False, **options) -> Report:
        consent = Consent(they_are_ours=ours, they_are_lost=lost)
        return self.with_service(lambda service: service.run(job, Options(consent=consent, **options)))

    def reconcile(self, **options) -> dict[str, tuple[int, int]]:
        """What was found, and how many were put right; the report must have come to its end."""
        report = self.run(Job.RECONCILE, **options)
        assert (report.stopped, report.failed) == (None, None)
        return counts(report)

    def put(self, key: str, body: bytes = b"somebody else's", **options) -> str:
        """An object that nobody registers; returns its whole key."""
        self.bucket.client.put_object(Bucket=self.bucket.name, Key=self.prefix + key, Body=body, **options)
        return self.prefix + key

    def keys(self) -> set[str]:
        """All that lies below the prefix but for probes, without it."""
        below = {key.removeprefix(self.prefix) for key in self.bucket.all_keys() if key.startswith(self.prefix)}
        return {key for key in below if not key.startswith(".holdfast/probe-")}

    def empty(self) -> None:
        """Remove all that lies below the prefix, unfinished multipart uploads too."""
        for key, upload_id in self.bucket.unfinished_uploads(self.prefix):
            self.bucket.client.abort_multipart_upload(Bucket=self.bucket.name, Key=key, UploadId=upload_id)
        mine = [key for key in self.bucket.all_keys() if key.startswith(self.prefix)]
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda key: self.bucket.client.delete_object(Bucket=self.bucket.name, Key=key), mine))

    def listed_aside(self) -> list[StoredObject]:
        """What `maintain quarantine` lists of this corner."""
        found = self.with_service(lambda service: service.quarantine.listing())
        return [stored for stored in found if stored.key.startswith(self.prefix)]

    def aside(self) -> set[str]:
        return {key for key in self.keys() if key.startswith(".holdfast/quarantine/")}


async def working(settings, work: Callable[[MaintenanceService], Awaitable[T]]) -> T:
    """Do it, then carry out what it left to the outbox."""
    async with composed(settings.without_outbox()) as parts:
        result = await work(parts.maintenance)
        await parts.outbox.drain()
    return result


def counts(report: Report) -> dict[str, tuple[int, int]]:
    """Found and done, of what was found at all."""
    return {str(each.name): (each.found, each.done) for each in report.findings if each.found}


def fresh_prefix() -> str:
    return f"corner-{uuid4().hex[:8]}/"
