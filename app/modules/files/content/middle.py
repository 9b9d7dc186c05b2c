"""What the middle of a container tells, where its ends don't: kept while the bytes pass by, in their order."""

from __future__ import annotations

from typing import Final

from app.modules.files.content import ole, zip_container

_MOST_ENTRIES: Final = 1_000


class Middle:
    """The telling pieces of one file: an OLE directory's first sector, and the program entries of ZIP directories.

    Args:
        head: the first bytes of the file, enough to hold its header.
    """

    def __init__(self, head: bytes) -> None:
        self._span = ole.directory_span(head) if head.startswith(ole.SIGNATURE) else None
        self._is_zip = head.startswith(zip_container.SIGNATURES)
        self._sector = bytearray()
        self._carry = b""
        self._entries: list[tuple[int, bytes]] = []

    @property
    def is_telling(self) -> bool:
        """Whether there is anything to look for."""
        return self._span is not None or self._is_zip

    @property
    def directory(self) -> tuple[int, bytes] | None:
        """The OLE directory's first sector, as far as it passed by, with its place."""
        return (self._span[0], bytes(self._sector)) if self._span else None

    def span(self, tail: bytes, size: int) -> tuple[int, int] | None:
        """The first and the last byte that must still be looked at, if only `tail` was; None if nothing more."""
        tail_start = size - len(tail)
        if self._span is not None:
            first, last = self._span[0], min(sum(self._span), size) - 1
            return (first, last) if first <= last and first < tail_start else None
        start = zip_container.directory_start(tail, size) if self._is_zip else None
        return (start, tail_start - 1) if start is not None and start < tail_start else None

    def look(self, at: int, piece: bytes | bytearray | memoryview) -> None:
        """Take in the bytes that begin at place `at`; the ones behind the last piece, or behind a gap."""
        if self._span is not None:
            first, length = self._span
            begins, ends = max(first, at), min(first + length, at + len(piece))
            if begins < ends and begins == first + len(self._sector):
                self._sector += piece[begins - at : ends - at]
        if self._is_zip:
            seen = self._carry + piece
            self._entries += zip_container.program_entries(seen, at - len(self._carry))
            # The last ones count: what comes before may be the directories of archives within.
            del self._entries[:-_MOST_ENTRIES]
            self._carry = seen[-zip_container.LONGEST_PROGRAM_ENTRY_BYTES :]

    def program_names(self, tail: bytes, size: int) -> list[bytes]:
        """The program entries of the container's own directory."""
        start = zip_container.directory_start(tail, size)
        return [] if start is None else [name for at, name in self._entries if at >= start]
