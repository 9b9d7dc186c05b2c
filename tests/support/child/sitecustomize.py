"""Found by every Python process that the suite starts as a service: what it writes to its log is read along."""

import os
import sys

FOLDER = os.environ.get("HOLDFAST_TEST_HEARD")


class _Tee:
    """Standard error, written to a file too: unbuffered, so that a killed process has said all that it said."""

    def __init__(self, stream, descriptor: int) -> None:
        self._stream, self._descriptor = stream, descriptor

    def write(self, text: str) -> int:
        os.write(self._descriptor, text.encode(errors="replace"))
        return self._stream.write(text)

    def __getattr__(self, name: str):
        return getattr(self._stream, name)


# The servers that a service starts have the same environment; what they write is theirs.
if FOLDER and {"app", "tests.faults.nursery"} & set(sys.orig_argv):
    opened = os.open(f"{FOLDER}/{os.getpid()}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    sys.stderr = _Tee(sys.stderr, opened)
