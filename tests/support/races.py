"""Several callers at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

T = TypeVar("T")


def at_once(*calls: Callable[[], T]) -> list[T]:
    """Begin all calls together, each in a thread; returns what they return, in order."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        start.wait(30)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def together(call: Callable[[int], T], *, callers: int = 8) -> list[T]:
    """Let each of `callers` make the same call, which is told the caller's number."""
    return at_once(*(partial(call, number) for number in range(callers)))
