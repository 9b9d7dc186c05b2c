"""What a client says that it sent in parts, what was planned, and what the store has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.s3.objects import StoredPart
from app.modules.files.exceptions import SizeMismatch
from app.modules.uploads.exceptions import UploadIncomplete
from app.modules.uploads.part_plan import PartPlan


@dataclass(frozen=True)
class ClientPart:
    """A part as the client remembers it."""

    number: int
    etag: str


def compare(plan: PartPlan, parts: Sequence[StoredPart], claimed: Sequence[ClientPart] | None) -> None:
    """Check that exactly the planned parts are there, and those that the client means.

    Raises:
        UploadIncomplete: some are missing, or others than the client remembers.
        SizeMismatch: some have a length that no URL of ours allowed.
    """
    by_number = {part.number: part for part in parts}
    missing = [number for number in range(1, plan.count + 1) if number not in by_number]
    if missing:
        raise UploadIncomplete(f"{len(missing)} of {plan.count} parts are missing, the first is part {missing[0]}.")
    if len(by_number) != plan.count or any(part.size_bytes != plan.length_of(part.number) for part in parts):
        raise SizeMismatch("The parts don't have the lengths that were planned.")
    for part in claimed or ():
        known = by_number.get(part.number)
        if known is None or known.etag.strip('"') != part.etag.strip('"'):
            raise UploadIncomplete(f"The store has another part {part.number}; send it again.")
