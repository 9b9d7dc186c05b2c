"""Ends a command within its grace time, whatever hangs, and at once after a second signal."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import structlog

from app.config import ServerSettings
from app.core.deadline import Deadline

log = structlog.get_logger()
DEFAULT_GRACE_SECONDS: int = ServerSettings.model_fields["shutdown_grace_seconds"].default
# Threads that have nothing to do end within that.
THREADS_END_SECONDS = 0.5
# Time to say why, and to write out what was logged.
LAST_WORDS_SECONDS = 1.0
# A terminal that closes and an operator that stops mean the same. Windows has no SIGHUP.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name))


class Stopping:
    """Listens for signals as long as the command runs.

    The first one begins the deadline and asks for an orderly end. The second one, or the end of the deadline, ends
    the process without asking anything any more: neither the event loop nor a thread that a store keeps waiting.

    Args:
        deadline: of everything from the first signal to the end of the process.
    """

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self._is_stopping = False
        self._ask: Callable[[], object] | None = None
        self._last_acts: list[Callable[[], object]] = []

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen while the block runs, then end the process, even if threads still wait for an answer."""
        before = {number: signal.signal(number, self._on_signal) for number in self._signals()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            _leave_threads_behind()

    def when_asked(self, ask: Callable[[], object]) -> None:
        """Call `ask` at the first signal, on the main thread; before anybody said so, the signal raises SystemExit."""
        self._ask = ask

    def before_force(self, act: Callable[[], object]) -> None:
        """Call `act` before the process is ended by force, such as to end its children."""
        self._last_acts.append(act)

    @staticmethod
    def _signals() -> list[int]:
        # Whoever started us with nohup wants it ignored.
        return [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_stopping:
            self._end_by_force("second_signal")
        self._is_stopping = True
        self.deadline.begin()
        threading.Thread(target=self._watch, name="stopping", daemon=True).start()
        if self._ask is None:
            sys.exit(0)
        self._ask()

    def _watch(self) -> None:
        # Nobody sets it: what ends the wait early is the end of the process.
        threading.Event().wait(self.deadline.left_seconds())
        self._end_by_force("deadline")

    def _end_by_force(self, reason: str) -> None:
        try:
            for act in self._last_acts:
                act()
        finally:
            # Whoever reads the log may be what hangs, and the thread that writes to it holds its lock.
            last_words = threading.Timer(LAST_WORDS_SECONDS, os._exit, args=(1,))
            last_words.daemon = True
            last_words.start()
            log.warning("shutdown_forced", reason=reason)
            _exit(1)


def _leave_threads_behind() -> None:
    """End the process now where the interpreter would wait for threads, which wait for a store."""
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread() and not thread.daemon]
    over = time.monotonic() + THREADS_END_SECONDS
    for thread in others:
        thread.join(max(0.0, over - time.monotonic()))
    if waiting := [thread for thread in others if thread.is_alive()]:
        log.warning("shutdown_threads_left", count=len(waiting))
        error = sys.exc_info()[1]
        code = error.code if isinstance(error, SystemExit) else 0 if error is None else 1
        _exit(code if isinstance(code, int) else 0)


def _exit(code: int) -> None:
    try:
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    finally:  # also where the reader of a stream is gone
        os._exit(code)
