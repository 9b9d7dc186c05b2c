"""Measures JSON before it's parsed: how deep it nests and how many values it holds, in one pass over its bytes.

A parser makes an object of 60 bytes and more out of two brackets, so that a body of 1 MiB became tens of
megabytes, and half a second in which nobody else was served.
"""

from __future__ import annotations

from itertools import accumulate

from app.core.exceptions import FieldError, Invalid

# The deepest body that has a meaning is metadata of 16 levels in an object. What lies between is told apart later.
MAX_DEPTH = 64
# The largest body that has a meaning completes an upload of 10,000 parts: three values a part, with room for more.
MAX_VALUES = 50_000
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEP = tuple(1 if byte in b"[{" else -1 for byte in range(256))


def _unreadable(detail: str) -> Invalid:
    return Invalid("The body can't be read; see errors.", errors=(FieldError("body", detail),))


class JsonShape:
    """The measure of one body, which is fed in pieces as they arrive.

    It judges any beginning of well-formed JSON exactly as a parser reads it. Whatever it counts wrongly lies behind
    the place at which the parser stops.
    """

    def __init__(self) -> None:
        self.values = 0
        self._depth = 0
        self._is_in_string = False
        self._backslash = b""

    def feed(self, piece: bytes) -> int:
        """Measure the next piece.

        Returns:
            How many values it can hold at most: one for each bracket that opens, and one for each comma.

        Raises:
            Invalid: it nests too deep, holds too many values, or closes what nobody opened.
        """
        outside = self._outside_strings(piece)
        brackets = outside.translate(None, _NO_BRACKETS)
        found = outside.count(b",") + brackets.count(b"[") + brackets.count(b"{")
        self.values += found
        if self.values > MAX_VALUES:
            raise _unreadable(f"holds more than {MAX_VALUES} values")
        self._measure_depth(brackets)
        return found

    def _outside_strings(self, piece: bytes) -> bytes:
        text = self._backslash + piece
        is_odd = (len(text) - len(text.rstrip(b"\\"))) % 2 == 1
        self._backslash = b"\\" if is_odd else b""
        text = text[:-1] if is_odd else text
        # Without what is escaped, each quote opens or closes a string.
        parts = text.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        outside = parts[1::2] if self._is_in_string else parts[::2]
        self._is_in_string ^= len(parts) % 2 == 0
        return b"".join(outside)

    def _measure_depth(self, brackets: bytes) -> None:
        if not brackets:
            return
        depths = list(accumulate(map(_STEP.__getitem__, brackets), initial=self._depth))
        self._depth = depths[-1]
        if max(depths) > MAX_DEPTH:
            raise _unreadable(f"nests deeper than {MAX_DEPTH} levels")
        if min(depths) < 0:
            raise _unreadable("is no JSON: it closes a bracket that it didn't open")
