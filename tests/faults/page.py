"""The figures of docs/reliability.md, from a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tests.faults.report import Report

BEGIN, END = "<!-- figures: written by make faults -->", "<!-- end of figures -->"


def with_figures(page: str, report: Report) -> str:
    """The page with the figures of this run in place of those before."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{figures(report)}{END}{after}"


def figures(report: Report) -> str:
    """Tables in Markdown."""
    acknowledged = f"{sum(report.acknowledged.values()):,} requests were acknowledged"
    lines = [
        f"**{report.kills} kills** hit unfinished work, {report.kills_that_hit_nothing} more hit none; {acknowledged};",
        f"{report.seconds / 60:.0f} minutes, seed {report.seed}. **Promises broken: {len(report.wrong)}.**",
        "",
        "One kill hits as many steps as there were requests at work.",
        "",
        *_table("step", "kills", sorted(report.steps.items())),
        *_table("instant", "kills", sorted(report.instants.items())),
        *_table("acknowledged", "requests", sorted(report.acknowledged.items())),
        *_table("fault", "", ((name, "holds" if is_well else "BROKEN") for name, is_well in report.faults.items())),
    ]
    lines += [f"Left out: {reason}" for reason in report.left_out]
    return "\n".join(lines) + "\n"


def _table(name: str, count: str, rows: Iterable[tuple[str, object]] | Counter[str]) -> list[str]:
    return [f"| {name} | {count} |", "| --- | ---: |", *(f"| {row} | {value} |" for row, value in rows), ""]
