"""Several callers at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
CALLERS = 8


def together(call: Callable[[int], T], *, callers: int = CALLERS) -> list[T]:
    """Let each of `callers` threads make one call, all at once; returns what they got, by number."""
    start = threading.Barrier(callers)

    def one(number: int) -> T:
        start.wait(10)
        return call(number)

    with ThreadPoolExecutor(callers) as threads:
        return list(threads.map(one, range(callers)))
