"""Bytes on their way in: counted, hashed, cut into parts, with head and tail kept for the question what they are."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

from app.config import MEBIBYTE
from app.core.memory_budget import Room
from app.core.part_memory import PartMemory
from app.modules.files.content import HEAD_BYTES, TAIL_BYTES, Middle
from app.modules.files.exceptions import EmptyFile, FileTooLarge

HASHED_IN_PLACE_BYTES = 262_144
# What a connection may buffer anyway; a file of that size waits for no room.
FREE_BYTES = 65_536


class ContentStream:
    """One file's bytes, read once.

    Args:
        chunks: as they arrive.
        part_bytes: how large the parts are that come out; the last one is smaller.
        expected_bytes: how many bytes come at most, as far as it is known.
        max_bytes: the first byte behind it ends the stream.
        room: lends the memory for each part before it is read; `let_go` gives it back.
    """

    def __init__(
        self, chunks: AsyncIterator[bytes], *, part_bytes: int, expected_bytes: int, max_bytes: int, room: Room
    ) -> None:
        self._chunks = chunks
        self._expected_bytes = expected_bytes
        self._room = room
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

    async def first_part(self) -> PartMemory:
        """The first part; `has_ended` says whether it is the whole file.

        Raises:
            EmptyFile: there is no byte at all.
            FileTooLarge: more than `max_bytes`.
        """
        part = await anext(self._parts)
        if not len(part):
            raise EmptyFile
        self.head = bytes(part.view[:HEAD_BYTES])
        return part

    async def parts_from(self, first: PartMemory) -> AsyncIterator[PartMemory]:
        """`first` and all parts behind it."""
        yield first
        async for part in self._parts:
            yield part

    def let_go(self, part: PartMemory) -> None:
        """Free a part that is not needed any more, and give its room back."""
        part.drop()
        if len(part) > FREE_BYTES:
            self._room.give_back(len(part))

    async def _cut(self) -> AsyncIterator[PartMemory]:
        part = PartMemory(self.part_bytes)
        has_room = False
        async for chunk in self._chunks:
            self._count(chunk)
            rest = memoryview(chunk)
            while len(part) + len(rest) > self.part_bytes:
                fitting = self.part_bytes - len(part)
                part.append(rest[:fitting])
                rest = rest[fitting:]
                await self._take_in(part)
                yield part
                part = PartMemory(self.part_bytes)
                has_room = False
            part.append(rest)
            if len(part) > FREE_BYTES and not has_room:
                before = self.size_bytes - len(part)
                await self._room.take(min(self.part_bytes, max(len(part), self._expected_bytes - before)))
                has_room = True
        await self._take_in(part)
        await self._hashing
        self.has_ended = True
        yield part

    async def _take_in(self, part: PartMemory) -> None:
        """Hash a part in a thread while the next one arrives: on the event loop it would take a third of its time."""
        await self._hashing
        if self.middle is None:
            self.middle = Middle(bytes(part.view[:HEAD_BYTES]))
        at, self._passed_bytes = self._passed_bytes, self._passed_bytes + len(part)
        if len(part) < HASHED_IN_PLACE_BYTES:
            self._look_at(part.view, at, self.middle)
        else:
            self._hashing = asyncio.get_running_loop().run_in_executor(None, self._look_at, part.view, at, self.middle)
        self.tail = (self.tail + bytes(part.view[-TAIL_BYTES:]))[-TAIL_BYTES:]

    def _look_at(self, part: memoryview, at: int, middle: Middle) -> None:
        self._sha256.update(part)
        if middle.is_telling:
            middle.look(at, part)

    def _count(self, chunk: bytes) -> None:
        self.size_bytes += len(chunk)
        if self.size_bytes > self._max_bytes:
            raise FileTooLarge(f"The file is larger than the {self._max_bytes // MEBIBYTE} MB allowed.")
