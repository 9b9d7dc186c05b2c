"""Bytes on their way in: counted, hashed, cut into parts, with head and tail kept for the question what they are."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

from app.config import MEBIBYTE
from app.modules.files.content import HEAD_BYTES, TAIL_BYTES, Middle
from app.modules.files.exceptions import EmptyFile, FileTooLarge

HASHED_IN_PLACE_BYTES = 262_144


class ContentStream:
    """One file's bytes, read once.

    Args:
        chunks: as they arrive.
        part_bytes: how large the parts are that come out; the last one is smaller.
        max_bytes: the first byte behind it ends the stream.
    """

    def __init__(self, chunks: AsyncIterator[bytes], *, part_bytes: int, max_bytes: int) -> None:
        self._chunks = chunks
        self.part_bytes = part_bytes
        self._max_bytes = max_bytes
        self._sha256 = hashlib.sha256()
        self._hashing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._hashing.set_result(None)
        self._parts = self._cut()
        self.size_bytes = 0
        self.head = b""
        self.tail = b""
        self.middle: Middle | None = None
        self._passed_bytes = 0
        self.has_ended = False

    @property
    def sha256(self) -> str:
        """Of all bytes, in lower-case hex, once `has_ended`."""
        return self._sha256.hexdigest()

    async def first_part(self) -> bytearray:
        """The first part; `has_ended` says whether it is the whole file.

        Raises:
            EmptyFile: there is no byte at all.
            FileTooLarge: more than `max_bytes`.
        """
        part = await anext(self._parts)
        if not part:
            raise EmptyFile
        self.head = bytes(part[:HEAD_BYTES])
        return part

    async def parts_from(self, first: bytearray) -> AsyncIterator[bytearray]:
        """`first` and all parts behind it."""
        yield first
        async for part in self._parts:
            yield part

    async def _cut(self) -> AsyncIterator[bytearray]:
        part = bytearray()
        async for chunk in self._chunks:
            self._count(chunk)
            rest = memoryview(chunk)
            while len(part) + len(rest) > self.part_bytes:
                room = self.part_bytes - len(part)
                part += rest[:room]
                rest = rest[room:]
                await self._take_in(part)
                yield part
                part = bytearray()
            part += rest
        await self._take_in(part)
        await self._hashing
        self.has_ended = True
        yield part

    async def _take_in(self, part: bytearray) -> None:
        """Hash a part in a thread while the next one arrives: on the event loop it would take a third of its time."""
        await self._hashing
        if self.middle is None:
            self.middle = Middle(bytes(part[:HEAD_BYTES]))
        at, self._passed_bytes = self._passed_bytes, self._passed_bytes + len(part)
        if len(part) < HASHED_IN_PLACE_BYTES:
            self._look_at(part, at, self.middle)
        else:
            self._hashing = asyncio.get_running_loop().run_in_executor(None, self._look_at, part, at, self.middle)
        self.tail = (self.tail + bytes(part[-TAIL_BYTES:]))[-TAIL_BYTES:]

    def _look_at(self, part: bytearray, at: int, middle: Middle) -> None:
        self._sha256.update(part)
        if middle.is_telling:
            middle.look(at, part)

    def _count(self, chunk: bytes) -> None:
        self.size_bytes += len(chunk)
        if self.size_bytes > self._max_bytes:
            raise FileTooLarge(f"The file is larger than the {self._max_bytes // MEBIBYTE} MB allowed.")
