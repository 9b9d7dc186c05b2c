"""One round: clients at work, something dies or fails, everything comes back, one pass, the look from outside."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from tests.faults.actors import SUCCESS, Actor, OpenUpload
from tests.faults.inspection import broken_promises, settled
from tests.faults.kills import Kill
from tests.faults.lane import LEASE_SECONDS, Lane
from tests.faults.scene import Scene
from tests.faults.witness import NOTHING, PENDING
from tests.support.service import wait_until

LEASES_OVER_SECONDS = LEASE_SECONDS + 0.2
IN_PROGRESS = 409
NOT_FOUND = 404
# No setting makes an upload of a client end sooner than after a minute, and URLs outlive it.
END_OF_TIME = (
    "UPDATE upload_sessions SET expires_at = now()",
    """UPDATE stored_objects SET lease_expires_at = now(), url_expires_at = now() - interval '1 hour'
       WHERE state = 'reserved' AND lease_token IS NULL""",
)
DAYS_OVER = "UPDATE file_uploads SET deleted_at = now() - interval '31 days' WHERE status = 'deleted'"
MADE = "SELECT id FROM file_uploads WHERE filename = $1 AND status = 'available'"


@dataclass
class Round:
    """What came of one.

    Args:
        name: what was done.
        counts: whether it hit unfinished work.
        steps: of which work.
        wrong: what does not hold; empty when all is well.
    """

    name: str
    counts: bool = False
    steps: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


def kill_while_serving(lane: Lane, kill: Kill) -> Round:
    """Kill the service while clients are at work."""
    crew = lane.start_clients()
    name = kill.carry_out(lane, lane.service)
    killed_at = time.monotonic()
    crew.stop()
    scene = Scene.of(lane)
    steps = scene.steps(lane.witness.requests)
    done = Round(name, bool(steps), steps)
    lane.serve()
    done.wrong = put_right(lane, since=killed_at)
    return done


def kill_maintenance(lane: Lane, kill: Kill) -> list[Round]:
    """Kill the service while clients are at work, then the pass that cleans up after it, purges and reconciles."""
    make_due(lane)
    crew = lane.start_clients()
    time.sleep(lane.random.uniform(0.2, 0.6))
    lane.kill()
    killed_at = time.monotonic()
    crew.stop()
    steps = Scene.of(lane).steps(lane.witness.requests)
    first = Round("the service, at random", bool(steps), steps)
    lane.witness.requests.clear()
    wait_for_leases(killed_at)
    victim = lane.maintain()
    name = kill.carry_out(lane, victim)
    killed_at = time.monotonic()
    steps = {f"maintenance: {step}" for step in Scene.of(lane).steps(set())}
    has_ended_before = victim.exit_code() >= 0
    second = Round(f"maintenance, {name}", bool(steps) and not has_ended_before, steps)
    release_jobs(lane)
    lane.serve()
    second.wrong = put_right(lane, since=killed_at)
    return [first, second]


def make_due(lane: Lane) -> None:
    """Soft-deleted files whose days are over, and an object that nobody knows."""
    lane.witness.purge_begins()
    lane.registry.rows(DAYS_OVER)
    stray = f"stray/{uuid4()}"
    lane.bucket.client.put_object(Bucket=lane.bucket.name, Key=stray, Body=stray.encode())
    lane.strays.add(stray)


def warm_up(lane: Lane) -> None:
    """Use the time until leases end: a new process is slow at its first requests; kills are to hit later ones."""
    actor = lane.actors[0]
    with actor.connected(lane.base_url):
        for name in ("upload by form", "direct post"):
            lane.operations[name].run(actor)


def wait_for_leases(since: float) -> None:
    """Until what a dead process held counts as given up."""
    time.sleep(max(0.0, since + LEASES_OVER_SECONDS - time.monotonic()))


def release_jobs(lane: Lane) -> None:
    """A job that is killed keeps its own lease for a minute, which no setting shortens."""
    if lane.registry.rows("SELECT to_regclass('maintenance_jobs') AS it")[0]["it"] is not None:
        lane.registry.rows("UPDATE maintenance_jobs SET lease_expires_at = now() WHERE holder IS NOT NULL")


def put_right(lane: Lane, *, since: float, everything: bool = False) -> list[str]:
    """Clients come back, leases end, one pass; returns what does not hold then."""
    warm_up(lane)
    wait_for_leases(since)
    found = come_back(lane)
    for statement in END_OF_TIME:
        lane.registry.rows(statement)
    victim = lane.maintain()
    if not victim.wait(60):
        victim.kill()
        found.append("the pass of maintenance did not end within a minute")
    code = victim.exit_code()
    if code != 0:
        found.append(f"the pass of maintenance ended with {code}")
    found += settled(lane)
    found += broken_promises(lane, everything=everything)
    found += lane.witness.oddities
    lane.witness.oddities.clear()
    return found


def come_back(lane: Lane) -> list[str]:
    """What clients do who got no answer: send again under the same key, go on with their uploads, or forget them."""
    found: list[str] = []
    actor = lane.actors[0]
    with actor.connected(lane.base_url) as client:
        for attempt in [attempt for attempt in lane.witness.attempts.values() if attempt.can_repeat()]:
            answer = _until_taken_over(lambda repeat=attempt.repeat: repeat(client))
            if answer.status_code >= SUCCESS:
                if answer.status_code != NOT_FOUND:  # a copy's source may be gone by now
                    found.append(f"{attempt.filename}, sent again, was answered {answer.status_code}: {answer.text}")
                continue
            actor.accept_creation(attempt, answer)
            same = lane.registry.rows(MADE, attempt.filename)
            if len(same) != 1:
                found.append(f"{attempt.filename}, sent again under its key, is {len(same)} files")
    for each in lane.actors:
        with each.connected(lane.base_url):
            for opened in list(each.uploads):
                _end(each, opened)
    return found


def _until_taken_over(send: Callable[[], httpx.Response]) -> httpx.Response:
    """Send until the first attempt counts as dead."""
    answers: list[httpx.Response] = []

    def is_taken() -> bool:
        answers.append(send())
        return answers[-1].status_code != IN_PROGRESS

    wait_until(is_taken, timeout_seconds=10)
    return answers[-1]


def _end(actor: Actor, opened: OpenUpload) -> None:
    """Complete, abort, or walk away; what nobody ends is ended by maintenance."""
    promise = opened.promise
    chance = actor.random.random()
    if opened.is_sent and (chance < 0.6 or not promise.is_surely(PENDING)):
        actor.complete(opened, "direct: complete again")
    elif opened.has_parts or chance < 0.8:
        actor.abort(opened)
    else:
        promise.allowed = {NOTHING}
        actor.uploads.remove(opened)
