"""What attacks with many or large requests have in common."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attacks.victim import Victim
from tests.support.processes import serving
from tests.support.service import settings_with

LOOK_AGAIN_SECONDS = 0.3
# On a machine with other work a service may stand still for a second or two.
TIMES_THE_SAME = 8


@pytest.fixture(scope="module")
def victim(base_settings):
    """One for all tests of a module: starting takes longer than most attacks."""
    with serving(settings_with(base_settings), BODY_TIMEOUT_SECONDS="3") as served:
        yield Victim(served)


def cpu_seconds(victim: Victim) -> float:
    """What the victim's process has worked so far, whatever else the machine is doing."""
    fields = Path(f"/proc/{victim.served.child.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def settled(measure: Callable[[], float]) -> float:
    """The measure, once it has stopped growing."""
    found, same = measure(), 0
    while same < TIMES_THE_SAME:
        time.sleep(LOOK_AGAIN_SECONDS)
        now = measure()
        same = same + 1 if now <= found * 1.02 else 0
        found = max(found, now)
    return found
