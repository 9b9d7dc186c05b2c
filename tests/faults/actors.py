"""Clients that work until the service dies or they are told to stop, and remember what they were told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from uuid import uuid4

import httpx

from tests.faults.witness import AVAILABLE, NOTHING, PENDING, Attempt, Promise, Request, View, Witness, sha256_of
from tests.support import direct

LARGE_BYTES = 9 * 1_048_576
FILLER = bytes(range(1, 256)) * (LARGE_BYTES // 255 + 1)
MOST_FILES, MOST_LARGE_FILES = 12, 2
SUCCESS, SERVER_ERRORS = 300, 500


@dataclass(eq=False)
class OpenUpload:
    """A direct upload that has not been completed."""

    promise: Promise
    sha256: str
    is_sent: bool = False
    has_parts: bool = False


@dataclass(eq=False)
class Actor:
    """One client. It alone changes its files, one request at a time.

    Args:
        witness: what all clients of the lane know.
        random: of this client's own.
        token: who it is.
    """

    witness: Witness
    random: Random
    token: str
    files: list[Promise] = field(default_factory=list)
    uploads: list[OpenUpload] = field(default_factory=list)
    client: httpx.Client | None = None

    def work(self, base_url: str, operations: dict, is_over: Callable[[], bool]) -> None:
        """Do this and that until it's over; a request that breaks off ends nothing but itself."""
        while not is_over():
            with self.connected(base_url), suppress(httpx.TransportError):
                while not is_over():
                    self._do_something(operations)

    def connected(self, base_url: str) -> httpx.Client:
        """A new client of the service at this address, which `ask` uses from now on."""
        headers = {"Authorization": f"Bearer {self.token}"}
        self.client = httpx.Client(base_url=f"{base_url}/api/v1", headers=headers, timeout=30)
        return self.client

    def _do_something(self, operations: dict) -> None:
        certain = [file for file in self.files if len(file.allowed) == 1 and file.is_surely(AVAILABLE)]
        large = [file for file in certain if file.size_bytes >= LARGE_BYTES]
        if len(large) > MOST_LARGE_FILES or len(certain) > MOST_FILES:
            operations["hard delete"].run(self, self.random.choice(large or certain))
            return
        names = [name for name, operation in operations.items() if certain or not operation.changes]
        [name] = self.random.choices(names, [operations[name].weight for name in names])
        operation = operations[name]
        if operation.changes:
            operation.run(self, self.random.choice(certain))
        else:
            operation.run(self)

    def content(self, *, small: bool) -> bytes:
        """Bytes that nothing else has, of no format."""
        size = self.random.randrange(100, 40_000) if small else LARGE_BYTES + self.random.randrange(100_000)
        return b"\1" + uuid4().bytes + FILLER[:size]

    def ask(self, operation: str, send: Callable, *, filename: str = "", file: Promise | None = None) -> httpx.Response:
        """One request to the service.

        Raises:
            httpx.TransportError: there was no answer.
        """
        before = frozenset(file.allowed) if file else frozenset()
        with self.witness.waiting(Request(operation, filename, file.file_id if file else None, before)):
            answer = send(self.client)
        with self.witness.lock:
            self.witness.answers[str(answer.status_code)] += 1
            if answer.status_code == SERVER_ERRORS:
                self.witness.oddities.append(f"{operation} was answered 500: {answer.text[:300]}")
        return answer

    def create(self, operation: str, content: bytes | None, send: Callable, *, source: Promise | None = None) -> None:
        """A request that makes a file, of `content` or from `source`; `send` gets client, file name and headers."""
        filename = f"{uuid4().hex}.bin"
        headers = {"Idempotency-Key": filename} if self.random.random() < 0.5 else {}
        if source is None:
            sha256, size_bytes, view = sha256_of(content), len(content), None
        else:
            [view] = source.allowed
            sha256, size_bytes = view.sha256, source.size_bytes

        def bound(client):
            return send(client, filename, headers)

        attempt = Attempt(filename, sha256, size_bytes, bound if headers else None, source, view)
        with self.witness.lock:
            self.witness.attempts[filename] = attempt
        self.accept_creation(attempt, self.ask(operation, bound, filename=filename))
        self._note(operation)

    def _note(self, operation: str) -> None:
        with self.witness.lock:
            self.witness.acknowledged[operation] += 1

    def accept_creation(self, attempt: Attempt, answer: httpx.Response) -> None:
        """Remember what a creation was answered."""
        if answer.status_code < SUCCESS:
            view = View(AVAILABLE, attempt.sha256)
            self.files.append(self.witness.made(attempt, answer.json()["id"], view))
        elif answer.status_code < SERVER_ERRORS:
            self._refused("creation", answer)

    def _refused(self, operation: str, answer: httpx.Response) -> None:
        with self.witness.lock:
            self.witness.oddities.append(f"{operation} was answered {answer.status_code}: {answer.text[:300]}")

    def change(
        self,
        operation: str,
        file: Promise,
        becomes: Callable[[View], View],
        send: Callable,
        *,
        status_of: Callable[[httpx.Response], int] = lambda answer: answer.status_code,
    ) -> bool:
        """A request that changes a file: while there is no answer, both views are right. True when it was done."""
        before = frozenset(file.allowed)
        after = {becomes(view) for view in before}
        # Bound anew, never changed: whoever looks at it from another thread sees one or the other.
        file.allowed = {*before, *after}
        file.is_checked = False
        answer = self.ask(operation, send, file=file)
        if status_of(answer) < SUCCESS:
            file.allowed = after
            self._note(operation)
            if after == {NOTHING} and file in self.files:
                self.files.remove(file)
            return True
        if status_of(answer) < SERVER_ERRORS:
            file.allowed = set(before)
            self._refused(operation, answer)
        return False

    def download(self, file: Promise) -> None:
        """Read a file while others are at work; what arrives whole must be right."""
        answer = self.ask("download", lambda client: client.get(f"/files/{file.file_id}/download"))
        right = {view.sha256 for view in file.allowed if view.status == AVAILABLE}
        if answer.status_code < SUCCESS and sha256_of(answer.content) not in right:
            with self.witness.lock:
                self.witness.oddities.append(f"the download of {file.file_id} has other bytes than were acknowledged")

    def upload_directly(self, method: str, content: bytes, **wish) -> None:
        """Reserve, send to the store, complete."""
        filename, sha256 = f"{uuid4().hex}.bin", sha256_of(content)
        body = {"filename": filename, "content_type": "application/octet-stream", "file_size": len(content)}
        attempt = Attempt(filename, sha256, len(content))
        with self.witness.lock:
            self.witness.attempts[filename] = attempt
        begun = self.ask(
            f"direct {method}: begin",
            lambda client: client.post("/files/uploads", json={**body, "method": method, **wish}),
            filename=filename,
        )
        if begun.status_code >= SUCCESS:
            if begun.status_code < SERVER_ERRORS:
                self._refused("direct upload", begun)
            return
        upload = begun.json()
        promise = self.witness.made(attempt, upload["file"]["id"], View(PENDING, sha256))
        opened = OpenUpload(promise, sha256, has_parts=method == "multipart")
        self.uploads.append(opened)
        if not self._send(upload, content):
            return
        opened.is_sent = True
        self.complete(opened, f"direct {method}: complete")

    def _send(self, upload: dict, content: bytes) -> bool:
        """To the store, past the service; False when the store refused a part or the form."""
        if upload["upload"]["method"] != "multipart":
            sent = (direct.put if upload["upload"]["method"] == "put" else direct.post_form)(upload, content)
            return sent.is_success
        numbers = list(range(1, upload["upload"]["part_count"] + 1))
        file_id, size = upload["file"]["id"], upload["upload"]["part_size"]
        signed = self.ask(
            "direct parts: sign",
            lambda client: client.post(f"/files/uploads/{file_id}/parts", json={"part_numbers": numbers}),
        )
        if not signed.is_success:
            return False
        for part in signed.json()["parts"]:
            begins = (part["part_number"] - 1) * size
            chunk = content[begins : begins + size]
            if not httpx.put(part["url"], headers=part["headers"], content=chunk).is_success:
                return False
        return True

    def complete(self, opened: OpenUpload, operation: str) -> None:
        """Say that everything was sent."""
        path = f"/files/uploads/{opened.promise.file_id}/complete"
        done = View(AVAILABLE, opened.sha256)
        if self.change(operation, opened.promise, lambda _view: done, lambda client: client.post(path)):
            self.uploads.remove(opened)
            self.files.append(opened.promise)

    def abort(self, opened: OpenUpload) -> None:
        """Drop it; it must surely be pending."""
        path = f"/files/uploads/{opened.promise.file_id}"
        if self.change("direct: abort", opened.promise, lambda _view: NOTHING, lambda client: client.delete(path)):
            self.uploads.remove(opened)


@dataclass
class Crew:
    """Some clients at work."""

    threads: list[threading.Thread]
    is_over: threading.Event

    def stop(self) -> None:
        """Let them end what they are at, then return."""
        self.is_over.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a client did not come back"


def at_work(actors: list[Actor], base_url: str, operations: dict) -> Crew:
    """Start them, each in a thread."""
    is_over = threading.Event()
    arguments = (base_url, operations, is_over.is_set)
    threads = [threading.Thread(target=actor.work, args=arguments, daemon=True) for actor in actors]
    for thread in threads:
        thread.start()
    return Crew(threads, is_over)
