"""Memory of one part, and boto3's view of it."""

from __future__ import annotations

import io

import pytest

from app.core.part_memory import MemoryReader, PartMemory

CONTENT = bytes(range(256)) * 40


def test_what_is_appended_is_there():
    part = PartMemory(len(CONTENT))
    part.append(CONTENT[:100])
    part.append(memoryview(CONTENT)[100:])
    assert (len(part), bytes(part.view)) == (len(CONTENT), CONTENT)


def test_more_than_fits_is_refused():
    part = PartMemory(4)
    with pytest.raises(ValueError, match=r"[Mm]emoryview"):
        part.append(b"12345")


def test_a_view_outlives_its_part():
    part = PartMemory(len(CONTENT))
    part.append(CONTENT)
    view = part.view
    part.drop()
    assert bytes(view) == CONTENT
    assert len(part) == len(CONTENT)


def test_it_reads_like_a_file():
    reader, peer = MemoryReader(CONTENT), io.BytesIO(CONTENT)
    for _ in range(2):
        for size in (1, 16_384, 7, -1):
            assert reader.read(size) == peer.read(size)
            assert reader.tell() == peer.tell()
        assert reader.read(5) == b""
        assert reader.seek(0) == peer.seek(0) == 0
    assert reader.seek(-3, io.SEEK_END) == peer.seek(-3, io.SEEK_END)
    assert reader.seek(1, io.SEEK_CUR) == peer.seek(1, io.SEEK_CUR)
    assert reader.read() == peer.read() == CONTENT[-2:]
