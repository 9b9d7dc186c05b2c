"""Memory of one part of a file: taken from the system for it alone, and given back as soon as nobody reads it."""

from __future__ import annotations

import io
import mmap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


class PartMemory:
    """Bytes that are appended up to a fixed size.

    The pages come one by one as they are written and go all at once. Of freed memory as large as this, malloc keeps
    a good deal, in each thread that ever held some.

    Args:
        most_bytes: how many fit.
    """

    def __init__(self, most_bytes: int) -> None:
        self._memory = memoryview(mmap.mmap(-1, most_bytes))
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, data: Buffer) -> None:
        """Add bytes, which must fit."""
        view = memoryview(data)
        self._memory[self._length : self._length + len(view)] = view
        self._length += len(view)

    def drop(self) -> None:
        """Forget the bytes; whoever still reads a view of them keeps them until then."""
        self._memory = memoryview(b"")

    @property
    def view(self) -> memoryview:
        """The bytes, without a copy of them."""
        return self._memory[: self._length]


class MemoryReader(io.RawIOBase):
    """A file of bytes that lie in memory already; boto3 copies what it is given as bytes.

    Args:
        data: the bytes; they must stay as they are.
    """

    def __init__(self, data: Buffer) -> None:
        super().__init__()
        self._view = memoryview(data)
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is: boto3 reads twice, once for the signature."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Copy the next bytes."""
        into = memoryview(buffer)
        piece = self._view[self._at : self._at + len(into)]
        into[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go elsewhere."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._view)}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        """Where it is."""
        return self._at
