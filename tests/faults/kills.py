"""Where kills strike: at random instants, at each transaction's end, at each request to the store."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from random import Random

from tests.faults.lane import Lane
from tests.faults.nursery import Process
from tests.support.traps import Moment, Trap

LONGEST_WAIT_SECONDS = 2.0
LATEST_SECONDS = 1.2

# By what they write; a line of their statements.
COMMITS = {
    "reservation": r"^WITH .*\) INSERT INTO file_uploads",
    "reservation of a direct upload": r"^WITH .*\) INSERT INTO upload_sessions",
    "reservation of another object": r"^INSERT INTO stored_objects",
    "multipart upload's id": r"^UPDATE stored_objects SET upload_id=",
    "flip": r"^UPDATE stored_objects SET state=.* size_bytes=",
    "change of a file": r"\A(?![\s\S]*^UPDATE stored_objects)[\s\S]*^UPDATE file_uploads",
    "hard delete": r"^DELETE FROM file_uploads WHERE file_uploads.id IN \([^)]*\) RETURNING",
    "claim of the outbox": r"^UPDATE outbox SET due_at=.*attempts=",
    "giving up": r"^INSERT INTO outbox",
    "removal noted": r"^UPDATE stored_objects SET state=.* upload_id=\S+ lease_token=",
    "end of an outbox entry": r"^DELETE FROM outbox",
}
REQUESTS = {
    "put": r"^PUT [^?]*$",
    "copy": r"^PUT .* copy$",
    "begin of a multipart upload": r"^POST .*\?uploads",
    "part": r"^PUT .*partNumber=",
    "end of a multipart upload": r"^POST .*uploadId=",
    "head": r"^HEAD .*/.*/",
    "read": r"^GET .*/.*/",
    "list of parts": r"^GET .*uploadId=",
    "removal": r"^DELETE [^?]*$",
    "abort": r"^DELETE .*uploadId=",
}
# What a pass of maintenance does.
MAINTENANCE_COMMITS = (
    "giving up",
    "hard delete",
    "reservation of another object",
    "flip",
    "claim of the outbox",
    "removal noted",
    "end of an outbox entry",
)
MAINTENANCE_REQUESTS = ("removal", "abort", "copy", "head", "list of unfinished uploads", "list of objects")
REQUESTS["list of unfinished uploads"] = r"^GET .*\?.*uploads"
REQUESTS["list of objects"] = r"^GET .*list-type=2"


@dataclass(frozen=True)
class Kill:
    """One way to choose the instant.

    Args:
        name: for the report.
        at: `time` for a random instant, `commit` or `request` for a step that a proxy sees.
        pattern: which step.
        moment: before or after it.
        nth: how many such steps are let pass before.
        seconds: when, for a random instant.
    """

    name: str
    at: str
    pattern: str = ""
    moment: Moment = "before"
    nth: int = 1
    seconds: float = 0.0

    def carry_out(self, lane: Lane, victim: Process) -> str:
        """Kill the process there, or at the end of patience; returns the name of what was done."""
        if self.at == "time":
            time.sleep(self.seconds)
            victim.kill()
            return self.name
        proxy = lane.database if self.at == "commit" else lane.store
        trap = Trap(re.compile(self.pattern, re.MULTILINE), self.moment, victim.kill, self.nth)
        proxy.trap(trap)
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while not trap.sprung.is_set() and not victim.has_ended() and time.monotonic() < deadline:
            time.sleep(0.005)
        proxy.trap(None)
        if trap.sprung.is_set() or victim.has_ended():
            trap.sprung.wait(1)
            return self.name
        victim.kill()
        return f"instead of {self.name}, which nobody came to"


def drawn(random: Random, number: int) -> Kill:
    """The `number`th kill of a service: every third at a random instant, the others through all steps in turn."""
    if number % 3 == 0:
        return Kill("at random", "time", seconds=random.uniform(0.05, LATEST_SECONDS))
    exact = all_exact()
    turn = number - number // 3 - 1
    chosen = exact[turn % len(exact)]
    return Kill(chosen.name, chosen.at, chosen.pattern, chosen.moment, nth=random.choice((1, 2, 3, 5)))


def drawn_for_maintenance(random: Random) -> Kill:
    """A kill of a pass of maintenance."""
    if random.random() < 0.2:
        return Kill("at random", "time", seconds=random.uniform(0.2, 0.8))
    names = {*MAINTENANCE_COMMITS, *MAINTENANCE_REQUESTS}
    return random.choice([kill for kill in all_exact() if kill.name.partition(": ")[2] in names])


def all_exact() -> list[Kill]:
    """Before and after each step that a proxy can see, the two kinds in turn."""
    moments: tuple[Moment, Moment] = ("before", "after")
    commits = [
        Kill(f"{moment} commit: {name}", "commit", pattern, moment)
        for name, pattern in COMMITS.items()
        for moment in moments
    ]
    requests = [
        Kill(f"{moment} request: {name}", "request", pattern, moment)
        for name, pattern in REQUESTS.items()
        for moment in moments
    ]
    return [kill for pair in zip(commits, requests, strict=False) for kill in pair] + [
        *commits[len(requests) :],
        *requests[len(commits) :],
    ]
