"""What one page of the bucket and the ledger say of each other. Pure: it asks nobody and changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.core.capabilities.sandbox import FOLDER as TRIALS
from app.core.capabilities.sandbox import TRIALS_TIMEOUT_SECONDS
from app.core.s3.listing import ListedObject, ListedUpload
from app.modules.files.models import ObjectRole, ObjectState
from app.modules.maintenance.ledger_repository import LedgerRow

RESERVED = ".holdfast/"
QUARANTINE = ".holdfast/quarantine/"


class Kind(StrEnum):
    """Ways in which bucket and ledger differ."""

    UNKNOWN = "unknown objects"  # no row, and nobody of ours put it there
    LEFTOVER = "leftover objects"  # ours, and given up: written late, hidden versions, probes
    MISSING = "missing objects"  # verified once, gone now
    CHANGED = "changed objects"  # other bytes than were verified
    FOUND = "objects found again"  # was missing before
    UPLOAD = "unfinished uploads"  # a multipart upload that nobody goes on with
    GONE = "foreign objects gone"  # somebody else's that was restored once, and that they removed


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference; what it's about is on one side, the other or both."""

    kind: Kind
    key: str
    entry: ListedObject | None = None
    row: LedgerRow | None = None
    upload: ListedUpload | None = None


@dataclass(frozen=True)
class Rules:
    """From when on something counts as left alone.

    Args:
        prefix: `S3_KEY_PREFIX`.
        now: when the job began.
        grace: how long an object may be unknown; its writer may be about to say so.
        quarantine: how long objects lie aside.
    """

    prefix: str
    now: datetime
    grace: timedelta
    quarantine: timedelta

    def is_young(self, key: str, since: datetime) -> bool:
        """Whether somebody may still be at it."""
        below = key.removeprefix(self.prefix)
        grace = self.grace
        if below.startswith(TRIALS):
            grace = max(grace, timedelta(seconds=TRIALS_TIMEOUT_SECONDS))
        elif below.startswith(QUARANTINE):
            # Its row was lost, with an old copy of the registry perhaps: kept as long as with one.
            grace = max(grace, self.quarantine)
        # Without any grace nothing is young, not even what a store dates to the second's end.
        return bool(grace) and since > self.now - grace

    def is_reserved(self, key: str) -> bool:
        """Whether only this service writes there."""
        return key.removeprefix(self.prefix).startswith(RESERVED)


def compare(entries: Sequence[ListedObject], rows: Mapping[str, LedgerRow], rules: Rules) -> Iterator[Difference]:
    """What is wrong with listed objects, given what the ledger says of their keys, of removed ones too."""
    for entry in entries:
        kind = _kind_of(entry, rows.get(entry.key), rules)
        if kind is not None:
            yield Difference(kind, entry.key, entry, rows.get(entry.key))


def absent(rows: Sequence[LedgerRow], current: Collection[str]) -> Iterator[Difference]:
    """Which rows of a stretch of keys have no object among those that readers of the same stretch get."""
    for row in rows:
        if row.state == ObjectState.STORED and row.key not in current:
            yield Difference(Kind.GONE if row.role == ObjectRole.FOREIGN else Kind.MISSING, row.key, row=row)


def _kind_of(entry: ListedObject, row: LedgerRow | None, rules: Rules) -> Kind | None:
    if row is None or row.state == ObjectState.REMOVED:
        if rules.is_young(entry.key, entry.last_modified):
            return None
        is_ours = row is not None or entry.is_marker or rules.is_reserved(entry.key)
        return Kind.LEFTOVER if is_ours else Kind.UNKNOWN
    if row.state == ObjectState.LOST:
        return Kind.FOUND if entry.is_current else None
    if row.role == ObjectRole.FOREIGN or row.state != ObjectState.STORED:
        return None  # Not ours to judge; or somebody has a lease on it, or will when that ends.
    if entry.is_current:
        return None if row.is_same(entry.size_bytes, entry.etag) else Kind.CHANGED
    # A marker on top hides what was verified: that's missing, and the rest is kept as it is.
    is_kept = entry.is_latest or entry.version_id == (row.version_id or "null")
    return None if is_kept or rules.is_young(entry.key, entry.last_modified) else Kind.LEFTOVER


def compare_uploads(
    uploads: Sequence[ListedUpload], rows: Mapping[str, LedgerRow], rules: Rules
) -> Iterator[Difference]:
    """Which unfinished multipart uploads nobody goes on with."""
    for upload in uploads:
        row = rows.get(upload.key)
        if rules.is_young(upload.key, upload.initiated) or (row is not None and _is_in_use(row, upload, rules.now)):
            continue
        yield Difference(Kind.UPLOAD, upload.key, row=row, upload=upload)


def _is_in_use(row: LedgerRow, upload: ListedUpload, now: datetime) -> bool:
    """Whether the ledger knows of it, or somebody is writing this object right now, by parts perhaps."""
    if row.upload_id == upload.upload_id:
        return row.state in {ObjectState.RESERVED, ObjectState.REMOVING}
    is_leased = row.lease_expires_at is not None and row.lease_expires_at > now
    return row.state == ObjectState.RESERVED and is_leased
