"""What a job found and did, frozen, as a table or as JSON: for operators, as keys may stand in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

MAX_EXAMPLES = 10


class Gravity(StrEnum):
    """How much a finding says."""

    ROUTINE = "routine"  # work that was due; bad only when it could not be done
    WRONG = "wrong"  # bad until it is repaired
    DAMAGE = "damage"  # bytes are gone or changed, which no repair brings back


@dataclass(frozen=True)
class Finding:
    """One kind of thing that was found: how often, how many were put right, and some of them by id or key."""

    name: str
    gravity: Gravity
    found: int
    done: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """One run of one job.

    Args:
        looked_at: how many files, objects or rows were looked at.
        stopped: why it went no further on purpose; None when it did.
        failed: why it broke off; it goes on there next time.
    """

    job: str
    is_dry_run: bool
    started_at: datetime
    seconds: float
    looked_at: Mapping[str, int]
    findings: tuple[Finding, ...]
    stopped: str | None = None
    failed: str | None = None

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong that was not repaired."""
        return not (self.stopped or self.failed) and not any(self._is_bad(each) for each in self.findings)

    def _is_bad(self, finding: Finding) -> bool:
        if finding.gravity is Gravity.DAMAGE:
            return finding.found > 0
        if finding.gravity is Gravity.ROUTINE and self.is_dry_run:
            return False
        return finding.found > finding.done

    def as_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return {**asdict(self), "started_at": self.started_at.isoformat(), "is_well": self.is_well}


@dataclass
class Tally:
    """Counts while a job runs; survives a break as JSON.

    Args:
        kinds: all that the job may find, in the order of the report.
    """

    kinds: Mapping[str, Gravity]
    looked_at: dict[str, int] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def look(self, what: str, count: int = 1) -> None:
        """Say how much was looked at."""
        self.looked_at[what] = self.looked_at.get(what, 0) + count

    def find(self, name: str, example: object = None, *, count: int = 1) -> None:
        """Count one kind of thing, and keep the first few."""
        self.found[name] = self.found.get(name, 0) + count
        examples = self.examples.setdefault(name, [])
        if example is not None and len(examples) < MAX_EXAMPLES:
            examples.append(str(example))

    def do(self, name: str, count: int = 1) -> None:
        """Count what was put right."""
        self.done[name] = self.done.get(name, 0) + count

    def leave(self, name: str) -> None:
        """Count what could not be put right."""
        self.left[name] = self.left.get(name, 0) + 1

    def settle(self) -> None:
        """Once all was gone through: what was no longer so by then was no finding."""
        for name in self.found:
            self.found[name] = self.done.get(name, 0) + self.left.get(name, 0)

    def findings(self) -> tuple[Finding, ...]:
        """All kinds, those that were not found too."""
        return tuple(
            Finding(name, gravity, self.found.get(name, 0), self.done.get(name, 0), tuple(self.examples.get(name, ())))
            for name, gravity in self.kinds.items()
        )

    def as_dict(self) -> dict[str, Any]:
        """For the cursor."""
        return {
            "looked_at": self.looked_at, "found": self.found, "done": self.done, "left": self.left,
            "examples": self.examples,
        }  # fmt: skip


def as_json(reports: Sequence[Report]) -> str:
    """One object with all reports."""
    whole = {"is_well": all(report.is_well for report in reports), "reports": [each.as_dict() for each in reports]}
    return json.dumps(whole, indent=2)


def as_table(reports: Sequence[Report]) -> str:
    """For a terminal: one block a job, one line a finding, examples below what is wrong."""
    return "\n\n".join(_block(report) for report in reports)


def _block(report: Report) -> str:
    counted = ", ".join(f"{count:,} {what}" for what, count in report.looked_at.items())
    state = "dry run, " if report.is_dry_run else ""
    lines = [f"{report.job}: {state}{counted or 'nothing to look at'}, {report.seconds:.1f} s"]
    width = max((len(each.name) for each in report.findings), default=0)
    for finding in report.findings:
        lines.append(f"  {finding.name:{width}}  found {finding.found:>7,}  done {finding.done:>7,}")
        if finding.gravity is not Gravity.ROUTINE:
            lines += [f"    {example}" for example in finding.examples]
    lines += [f"  STOPPED: {report.stopped}"] if report.stopped else []
    lines += [f"  BROKE OFF: {report.failed}"] if report.failed else []
    return "\n".join(lines)
