"""The look from outside after one pass: by SQL, by listing the bucket, and by downloading what was acknowledged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from tests.faults.lane import Lane
from tests.faults.witness import AVAILABLE, GONE, NOTHING, PENDING, Promise, View, sha256_of
from tests.support.service import wait_until
from tests.support.stores import disagreements

FILES = """
    SELECT f.id, f.filename, f.status, f.folder, f.file_size, o.key, o.sha256, o.size_bytes
    FROM file_uploads f LEFT JOIN stored_objects o ON o.id = f.current_object_id
"""
UNDONE = """
    SELECT key FROM stored_objects
    WHERE state = 'removing' AND NOT EXISTS (SELECT 1 FROM outbox WHERE subject = file_id)
"""
DUE = "SELECT subject, topic, attempts, last_error FROM outbox WHERE attempts > 0 OR due_at <= now()"
QUARANTINED = "SELECT key, original_key FROM stored_objects WHERE role = 'quarantine' AND state = 'stored'"
ASIDE = ".holdfast/quarantine/"
READERS = 4
# For entries that the service took up a moment before the pass did.
GRACE_SECONDS = 5.0


def wrong(lane: Lane) -> list[str]:
    """Every way in which registry and bucket disagree, or something is left half done."""
    found = disagreements(lane.registry, lane.bucket)
    found += [f"entry of the outbox left: {row}" for row in lane.registry.rows(DUE)]
    found += [f"given up, but nobody removes it: {row['key']}" for row in lane.registry.rows(UNDONE)]
    keys = lane.bucket.all_keys()
    found += [f"staging object left: {key}" for key in keys if key.startswith(".holdfast/staging/")]
    return found + _aside(lane, keys)


def _aside(lane: Lane, keys: set[str]) -> list[str]:
    """What somebody else put there lies aside, whole; nothing of ours ever does."""
    aside = {row["key"]: row["original_key"] for row in lane.registry.rows(QUARANTINED)}
    found = [f"moved aside, but not entered: {key}" for key in keys if ASIDE in key and key not in aside]
    found += [f"moved aside, but ours: {original}" for original in aside.values() if original not in lane.strays]
    found += [f"unknown object left where it was: {key}" for key in lane.strays & keys]
    whole = {original for key, original in aside.items() if lane.bucket.read(key) == original.encode()}
    return found + [f"unknown object lost: {key}" for key in lane.strays - keys - whole]


def settled(lane: Lane) -> list[str]:
    """The same once the service has done what it had begun."""
    found: list[str] = []

    def is_right() -> bool:
        found[:] = wrong(lane)
        return not found

    try:
        wait_until(is_right, timeout_seconds=GRACE_SECONDS)
    except AssertionError:
        return found
    return []


def broken_promises(lane: Lane, *, everything: bool) -> list[str]:
    """Acknowledgements that don't hold; what is seen becomes what must hold from now on.

    Args:
        lane: whose clients are all at rest.
        everything: download all files, also those that nobody touched since they were compared last.
    """
    rows = {str(row["id"]): row for row in lane.registry.rows(FILES)}
    found = [f"a file that nobody made: {row}" for row in _unexplained(lane, rows)]
    to_read: list[tuple[Promise, View]] = []
    for promise in lane.witness.promises.values():
        row = rows.get(promise.file_id)
        view = NOTHING if row is None else View(row["status"], row["sha256"], row["folder"])
        if not _is_allowed(view, promise):
            found.append(f"{promise.file_id} is {view}, but must be one of {promise.allowed}")
        elif view.status == GONE:
            promise.allowed = {NOTHING}
        elif everything or not promise.is_checked:
            to_read.append((promise, view))
    with lane.client() as client, ThreadPoolExecutor(READERS) as pool:
        found += [each for each in pool.map(lambda both: _compared(client, *both), to_read) if each]
    gone = [promise for promise in lane.witness.promises.values() if promise.allowed == {NOTHING}]
    found += _still_readable(lane, [promise for promise in gone if everything or not promise.is_checked])
    lane.witness.attempts.clear()
    for actor in lane.actors:
        actor.files = [file for file in actor.files if not file.is_surely(GONE)]
    return found


def _is_allowed(view: View, promise: Promise) -> bool:
    """Whether SQL shows what may be; the SHA-256 of parts sent directly is known only from the bytes."""
    return any(
        view.status == each.status
        and (view.status == GONE or (view.folder == each.folder and view.sha256 in {None, each.sha256}))
        for each in promise.allowed
    )


def _unexplained(lane: Lane, rows: dict[str, dict]) -> list[dict]:
    """Files that no request of ours can have made; those that one without answer made are ours from now on."""
    odd = []
    for file_id, row in rows.items():
        if file_id in lane.witness.promises:
            continue
        attempt = lane.witness.attempts.pop(row["filename"], None)
        if attempt is None or row["status"] not in {AVAILABLE, PENDING}:
            odd.append(row)
            continue
        view = View(row["status"], attempt.sha256)
        promise = lane.witness.made(attempt, file_id, view)
        lane.actors[0].files.append(promise)
    return odd


def _compared(client, promise: Promise, view: View) -> str | None:
    """Download, compare; what is found is what the file is from now on."""
    answer = client.get(f"/files/{promise.file_id}/download")
    expected = 200 if view.status == AVAILABLE else 404
    if answer.status_code != expected:
        return f"{promise.file_id} is {view.status}, but its download is answered {answer.status_code}: {answer.text}"
    possible = {each for each in promise.allowed if (each.status, each.folder) == (view.status, view.folder)}
    if view.status == AVAILABLE:
        sha256 = sha256_of(answer.content)
        possible = {each for each in possible if each.sha256 == sha256}
    if not possible:
        return f"{promise.file_id} is {view} with other bytes than any of {promise.allowed}"
    promise.allowed = possible
    promise.is_checked = True
    return None


def _still_readable(lane: Lane, gone: list[Promise]) -> list[str]:
    """Files whose removal was acknowledged, or seen, and that answer all the same; or that left an object."""
    left = lane.registry.rows(
        "SELECT key FROM stored_objects WHERE file_id = ANY($1) AND state NOT IN ('removing', 'removed')",
        [UUID(promise.file_id) for promise in gone],
    )
    found = [f"its file was deleted for good: {row['key']}" for row in left]
    with lane.client() as client:
        for promise in gone:
            answer = client.get(f"/files/{promise.file_id}/download")
            if answer.status_code != 404:
                found.append(f"{promise.file_id} was deleted for good, but can be read: {answer.status_code}")
            promise.is_checked = True
    return found
