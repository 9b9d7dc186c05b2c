"""What clients were told, and so what must be found afterwards; a request without answer leaves both ways open."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

AVAILABLE, DELETED, PENDING, GONE = "available", "deleted", "pending", "gone"


@dataclass(frozen=True)
class View:
    """A file as somebody may find it."""

    status: str
    sha256: str | None = None
    folder: str = ""


NOTHING = View(GONE)


@dataclass(eq=False)
class Promise:
    """One file: `allowed` is every view that would be right. One client at a time changes a file."""

    file_id: str
    filename: str
    size_bytes: int
    allowed: set[View]
    key: str | None = None
    # Looked at since it was last touched.
    is_checked: bool = False

    def may_be(self, status: str) -> bool:
        """Whether a view of that status would be right."""
        return any(view.status == status for view in self.allowed)

    def is_surely(self, status: str) -> bool:
        """Whether only views of that status would be right."""
        return all(view.status == status for view in self.allowed)


@dataclass(eq=False)
class Attempt:
    """A request that creates a file under a name that nothing else has. What it made may exist or not."""

    filename: str
    sha256: str
    size_bytes: int
    # Sends it again under its Idempotency-Key, with whatever client the caller has.
    repeat: Callable | None = None
    # Of a copy: from what, and what that was; sent again, it copies what the source is then.
    source: Promise | None = None
    source_view: View | None = None

    def can_repeat(self) -> bool:
        """Whether sent again it would make the same file."""
        return self.repeat is not None and (self.source is None or self.source.allowed == {self.source_view})


@dataclass(eq=False)
class Request:
    """One that was sent and has no answer yet."""

    operation: str
    filename: str = ""
    file_id: str | None = None
    before: frozenset[View] = frozenset()


@dataclass
class Witness:
    """All that one lane's clients did.

    Args:
        promises: by id, whatever was acknowledged and not let go since.
        attempts: by file name, creations without answer.
        requests: those that run, or never got an answer.
        answers: how many requests got which status.
        oddities: answers that nothing excuses.
    """

    promises: dict[str, Promise] = field(default_factory=dict)
    attempts: dict[str, Attempt] = field(default_factory=dict)
    requests: set[Request] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)
    acknowledged: Counter[str] = field(default_factory=Counter)
    oddities: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def waiting(self, request: Request) -> Iterator[None]:
        """While a request runs; one that ends in an exception stays among those without answer."""
        with self.lock:
            self.requests.add(request)
        yield
        with self.lock:
            self.requests.discard(request)

    def made(self, attempt: Attempt, file_id: str, view: View) -> Promise:
        """A creation was acknowledged."""
        promise = Promise(file_id, attempt.filename, attempt.size_bytes, {view})
        with self.lock:
            self.attempts.pop(attempt.filename, None)
            self.promises[file_id] = promise
        return promise

    def purge_begins(self) -> None:
        """From now on soft-deleted files may go for good."""
        for promise in self.promises.values():
            if promise.may_be(DELETED):
                promise.allowed = promise.allowed | {NOTHING}
                promise.is_checked = False


def sha256_of(content: bytes) -> str:
    """In hex."""
    return hashlib.sha256(content).hexdigest()


def with_status(status: str) -> Callable[[View], View]:
    """The change of a view that gives it another status."""
    return lambda view: replace(view, status=status)
