"""What can go wrong while the embedded parts start; each message says what to do about it.

EmbeddedError
├── FolderBusyError     another process runs on this data folder
├── PartMissingError    the program of a part is not installed
└── PartFailedError     a part did not start; the message ends with the tail of its log
"""

from __future__ import annotations


class EmbeddedError(Exception):
    """Base of all failures of the embedded parts."""


class FolderBusyError(EmbeddedError):
    """Another process runs on this data folder.

    Args:
        message: says who, and what to do.
        holder_pid: that process, None while it is just starting.
    """

    def __init__(self, message: str, *, holder_pid: int | None) -> None:
        super().__init__(message)
        self.holder_pid = holder_pid


class PartMissingError(EmbeddedError):
    """The program of a part is not installed."""


class PartFailedError(EmbeddedError):
    """A part did not start, or could not be stopped."""
