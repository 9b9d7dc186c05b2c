"""Reads along with all that services under test emit, and fails the test during which a secret got out.

Log lines come through the app's own pipeline at DEBUG; services in processes of their own write theirs to a folder,
too (`child/sitecustomize.py`). Error bodies come from taps around each app and each client (`taps.py`).
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.config import Settings
from app.core.logging import configure_logging
from tests.support.leaks import Secrets, problems_in

CHILD = Path(__file__).with_name("child")
SERVICES = frozenset({"app", "tests.faults.nursery"})
# The clients of the tests themselves.
OURS = ("httpx", "httpcore")


class _Sink:
    """A stream for a log handler."""

    def __init__(self, hear: Callable[[str], None]) -> None:
        self.write = hear

    def flush(self) -> None:
        """Nothing is held back."""


class Watch:
    """What was emitted since it was last looked at, and what must not be in there."""

    def __init__(self) -> None:
        self.secrets = Secrets()
        self._lines: deque[str] = deque()
        self._answers: deque[tuple[str, str]] = deque()
        self._folder: Path | None = None
        self._read: dict[Path, int] = {}
        self._undo: list[Callable[[], None]] = []

    def hear_line(self, line: str) -> None:
        self._lines.append(line)

    def hear_answer(self, body: str, asked: str) -> None:
        """An answer with problems in it, and all of the request."""
        self._answers.append((body, asked))

    def learn(self, settings: Settings) -> None:
        """What a service was told."""
        store, learn = settings.store, self.secrets.learn
        learn(store.bucket_name, "the bucket's name")
        learn(store.access_key_id, "the store's access key id")
        if store.secret_access_key:
            learn(store.secret_access_key.get_secret_value(), "the store's secret key")
        if settings.auth.jwt_secret:
            learn(settings.auth.jwt_secret.get_secret_value(), "the secret of tokens")
        self.secrets.learn_database(settings.database.url.get_secret_value())
        self.secrets.learn_store(store.endpoint_url)

    def found(self) -> list[str]:
        """Every leak since the last call: what, and where it stands."""
        self._read_children()
        found = []
        while self._lines:
            line = self._lines.popleft()
            found += [f"{what} in the log: {line.rstrip()}" for what in self.secrets.found_in(line)]
        while self._answers:
            body, asked = self._answers.popleft()
            for problem in problems_in(body):
                found += [f"{what} in an answer: {problem}" for what in self.secrets.found_in_answer(problem, asked)]
        self.secrets.tokens.clear()
        return found

    def insist(self) -> None:
        """Fail if anything got out."""
        found = self.found()
        assert not found, "\n".join(found)

    def install(self) -> None:
        """Begin to listen, to this process and to all services that it starts."""
        self._folder = Path(tempfile.mkdtemp(prefix="holdfast-heard-"))
        configure_logging("DEBUG", "json")
        logging.getLogger().handlers[0].setStream(_Sink(self.hear_line))
        for name in OURS:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._watch_children()

    def uninstall(self) -> None:
        while self._undo:
            self._undo.pop()()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def child_environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """What a service in a process of its own is told besides."""
        self.secrets.learn_environment(dict(environment))
        path = ":".join(filter(None, (str(CHILD), environment.get("PYTHONPATH"))))
        return (
            {"LOG_LEVEL": "DEBUG"} | dict(environment) | {"PYTHONPATH": path, "HOLDFAST_TEST_HEARD": str(self._folder)}
        )

    def _read_children(self) -> None:
        for path in self._folder.iterdir() if self._folder else ():
            size, seen = path.stat().st_size, self._read.get(path, 0)
            if size > seen:
                with path.open("rb") as opened:
                    opened.seek(seen)
                    new = opened.read(size - seen)
                self._read[path] = size
                self._lines.extend(new.decode(errors="replace").splitlines())

    def _watch_children(self) -> None:
        begin = subprocess.Popen.__init__

        def watched(process: Any, args: Any, *rest: Any, **options: Any) -> None:
            if isinstance(args, Sequence) and not isinstance(args, str) and SERVICES & set(args):
                given = options.get("env")
                options["env"] = self.child_environment(os.environ if given is None else given)
            begin(process, args, *rest, **options)

        subprocess.Popen.__init__ = watched
        self._undo.append(lambda: setattr(subprocess.Popen, "__init__", begin))


# One for the whole session: there is one log.
WATCH = Watch()
