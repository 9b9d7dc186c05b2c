"""Bytes that look like nothing: the same ones every time, since chance may hit any format's signature."""

from __future__ import annotations

import random


def noise(size: int) -> bytes:
    """`size` bytes of no format."""
    return random.Random(size).randbytes(size)
