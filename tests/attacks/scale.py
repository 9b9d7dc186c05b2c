"""How hard the attacks hit: bounded in `make test`, whole in `make attack`."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")
IS_WHOLE = os.environ.get("ATTACK") == "whole"


def scaled(bounded: T, whole: T) -> T:
    """`bounded` in `make test`, `whole` in `make attack`."""
    return whole if IS_WHOLE else bounded
