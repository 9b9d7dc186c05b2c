"""How a file is cut into parts: pure arithmetic over the limits of S3."""

from __future__ import annotations

from dataclasses import dataclass

from app.config import MEBIBYTE
from app.core.exceptions import FieldError, Invalid

MIN_PART_BYTES = 5 * MEBIBYTE
MAX_PART_BYTES = 5 * 1024 * MEBIBYTE
MAX_PARTS = 10_000
MAX_OBJECT_BYTES = 5 * 1024 * 1024 * MEBIBYTE
PREFERRED_PART_BYTES = 16 * MEBIBYTE


@dataclass(frozen=True)
class PartPlan:
    """Parts of one size, but for the last, which holds the rest."""

    size_bytes: int
    part_bytes: int

    @property
    def count(self) -> int:
        """How many parts; 1 to 10,000."""
        return -(-self.size_bytes // self.part_bytes)

    def length_of(self, number: int) -> int:
        """How many bytes part `number`, counted from 1, must have.

        Raises:
            Invalid: there is no such part.
        """
        if not 1 <= number <= self.count:
            detail = f"parts are numbered 1 to {self.count}"
            raise Invalid("The parts can't be signed; see errors.", errors=(FieldError("body.part_numbers", detail),))
        return min(self.part_bytes, self.size_bytes - (number - 1) * self.part_bytes)


def plan_parts(size_bytes: int, part_bytes: int | None = None) -> PartPlan:
    """Cut a file of `size_bytes`.

    Args:
        size_bytes: of the whole file.
        part_bytes: what the client would like; by default 16 MiB, more where 10,000 parts
            would not hold the file.

    Raises:
        Invalid: the client's wish is outside of what S3 takes.
    """
    least = max(MIN_PART_BYTES, -(-size_bytes // MAX_PARTS))
    if part_bytes is None:
        whole_mebibytes = -(-least // MEBIBYTE) * MEBIBYTE
        return PartPlan(size_bytes, max(PREFERRED_PART_BYTES, whole_mebibytes))
    if not least <= part_bytes <= MAX_PART_BYTES:
        detail = f"a part of this file may have {least} to {MAX_PART_BYTES} bytes"
        raise Invalid("The upload can't be planned; see errors.", errors=(FieldError("body.part_size", detail),))
    return PartPlan(size_bytes, part_bytes)
