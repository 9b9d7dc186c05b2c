"""docs/stores.md, from what a run of the matrix found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[2] / "requirements"
PINS = {"MiniStack": "store.in", "LocalStack": "localstack.in", "Swift": "swift.in"}
TRIALS = {
    "conditional_put": "`If-None-Match: *` on a presigned PUT: one winner in each of 8 rounds of 16 at once",
    "post_policy": "form POSTs; another size, key or type, a forged or an old policy are refused",
    "verifies_sha256": "refuses bytes that don't have the SHA-256 that was signed",
    "returns_sha256": "tells that SHA-256 again",
    "part_checksums": "both of these for the parts of a multipart upload",
    "optional_part_checksums": "checks such parts also in an upload that was begun without checksums",
    "copy_source_if_match": "copies only the object whose ETag is named",
    "conditional_complete": "`If-None-Match: *` on completing: one winner in each of 4 rounds of 8 at once",
    "complete_object_size": "completes only to the size that is named",
    "sealed_multipart": "refuses parts for a multipart upload that was completed",
    "server_side_encryption": "encrypts with AES256 when asked, and says so",
    "versioning": "the bucket keeps versions (off in this run's buckets)",
}
HEAD = """# Stores

Written by `make matrix`; don't edit. Stores that speak S3 differ in what they enforce, so Holdfast tries it in
the real bucket under `.holdfast/`, keeps the answer in the registry for a week, and shows it under `/health/ready`.
A feature counts only if the right request is taken and the wrong one refused. Where one is missing, Holdfast goes
another way that keeps the same promise; `S3_CAPABILITIES` (such as `conditional_put=false,post_policy=false`)
overrules what was found.
"""
NOTES = """
The URL of a `put` or a form writes to a staging key on every store, and completion copies from there; `conditional_put`
only keeps such a URL to one object at a time. `sealed_multipart` lets a multipart upload stay where it is.

On Swift a part that comes late, after its upload was completed, leaves a segment in the container `<bucket>+segments`.
The S3 API lists no segments, so Holdfast neither sees nor removes it; Swift's own API does. Deletions in a Swift bucket
that stopped keeping versions say nothing of the versions that stay, so Holdfast asks any store but AWS, once a minute,
whether the bucket has or had some, and removes them."""
MIDDLE = """
## The integration suite

The same tests on every store, none left out for one of them. Those of the suite that are about other things than the
store (sign-in, limits, the journal, filters, names) run in `make test`.
"""


@dataclass(frozen=True)
class StoreResult:
    """What one store keeps, and how the suite went on it at which commit."""

    name: str
    commit: str
    capabilities: dict[str, bool]
    total: int
    skipped: int
    failed: tuple[str, ...]
    seconds: float

    @property
    def passed(self) -> int:
        return self.total - self.skipped - len(self.failed)

    @property
    def is_green(self) -> bool:
        return not self.failed and self.passed > 0


def version_of(name: str) -> str:
    """The pin of a store's package."""
    text = (REQUIREMENTS / PINS[name]).read_text(encoding="utf-8")
    return re.search(r"^[a-z-]+(?:\[.*\])?==(\S+)$", text, re.MULTILINE)[1]


def page(results: list[StoreResult]) -> str:
    """The whole page in Markdown."""
    titles = [f"{result.name} {version_of(result.name)}" for result in results]
    trials = [
        [f"`{name}`: {meaning}", *("yes" if result.capabilities[name] else "no" for result in results)]
        for name, meaning in TRIALS.items()
    ]
    runs = [
        [
            title,
            result.commit,
            *map(str, (result.passed, len(result.failed), result.skipped, f"{result.seconds:.0f} s")),
        ]
        for title, result in zip(titles, results, strict=True)
    ]
    lines = [
        HEAD,
        *table(["kept", *titles], trials),
        NOTES,
        MIDDLE,
        *table(["store", "at commit", "passed", "failed", "skipped", "took"], runs),
    ]
    for result in results:
        if result.failed:
            lines += ["", f"Failed on {result.name}:", "", *(f"- `{test}`" for test in result.failed)]
    return "\n".join(lines) + "\n"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
