"""Something to be done at an exact step that only a proxy can see, such as killing the process that takes it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Moment = Literal["before", "after"]


@dataclass
class Trap:
    """Springs once.

    Args:
        matching: which steps, searched in how the proxy describes them.
        moment: `before` the step is passed on, or `after` it was done and before the answer is passed back.
        action: called then, in the proxy's thread.
        nth: the first matching step is 1.
        cuts: whether the connection is cut afterwards.
    """

    matching: re.Pattern[str]
    moment: Moment
    action: Callable[[], None]
    nth: int = 1
    cuts: bool = True
    sprung: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def takes(self, step: str) -> bool:
        """Whether it is this step; counts it if it matches."""
        if not self.matching.search(step):
            return False
        with self._lock:
            self.nth -= 1
            return self.nth == 0

    def spring(self) -> None:
        """Do it.

        Raises:
            OSError: the connection is to be cut.
        """
        self.action()
        self.sprung.set()
        if self.cuts:
            raise OSError("trapped")
