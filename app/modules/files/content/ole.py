"""Which Office format an OLE2 compound file holds, told from the names in its root directory ([MS-CFB])."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.modules.files.content.media_types import ENCRYPTED_OFFICE, MSI, OLE

SIGNATURE: Final = bytes.fromhex("D0CF11E0A1B11AE1")
_ENTRY_BYTES: Final = 128
_HEADER_BYTES: Final = 512
_MAX_DIRECTORY_SECTORS: Final = 64
_SECTOR_SHIFTS: Final = (9, 12)
_LAST_SECTOR: Final = 0xFFFFFFFA  # numbers above it are marks
_FAT_LIST_AT, _FAT_LIST_LENGTH = 76, 109

_WORD: Final = "application/msword"
_EXCEL: Final = "application/vnd.ms-excel"
_POWERPOINT: Final = "application/vnd.ms-powerpoint"
_OUTLOOK: Final = "application/vnd.ms-outlook"
_STREAMS: Final = (
    ("EncryptedPackage", ENCRYPTED_OFFICE),
    ("WordDocument", _WORD),
    ("PowerPoint Document", _POWERPOINT),
    ("PP40", _POWERPOINT),
    ("Workbook", _EXCEL),
    ("Book", _EXCEL),
    ("VisioDocument", "application/vnd.visio"),
    ("__properties_version1.0", _OUTLOOK),
    ("__nameid_version1.0", _OUTLOOK),
)
# An installer's tables: their names are packed, and begin with this sign.
_TABLE_MARK: Final = "\u4840"
# Class ids of the root entry, the first four bytes in file order.
_CLASSES: Final = {
    bytes.fromhex("84100C0000000000C000000000000046"): MSI,
    bytes.fromhex("82100C0000000000C000000000000046"): MSI,
    bytes.fromhex("86100C0000000000C000000000000046"): MSI,
    bytes.fromhex("0609020000000000C000000000000046"): _WORD,
    bytes.fromhex("0009020000000000C000000000000046"): _WORD,
    bytes.fromhex("2008020000000000C000000000000046"): _EXCEL,
    bytes.fromhex("1008020000000000C000000000000046"): _EXCEL,
    bytes.fromhex("108D81649B4FCF1186EA00AA00B929E8"): _POWERPOINT,
    bytes.fromhex("0B0D020000000000C000000000000046"): _OUTLOOK,
}


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    class_id: bytes
    left: int
    right: int
    child: int


class _Sectors:
    """The sectors that some pieces of the file show, each piece with its place."""

    def __init__(self, head: bytes, *others: tuple[int, bytes]) -> None:
        (shift,) = struct.unpack_from("<H", head, 30)
        self.size = 1 << (shift if shift in _SECTOR_SHIFTS else _SECTOR_SHIFTS[0])
        self._pieces = ((0, head), *others)
        fat = struct.unpack_from(f"<{_FAT_LIST_LENGTH}I", head, _FAT_LIST_AT)
        self._fat = [sector for sector in fat if sector < _LAST_SECTOR]

    def read(self, sector: int) -> bytes | None:
        start = (sector + 1) * self.size
        for at, piece in self._pieces:
            if at <= start and start + self.size <= at + len(piece):
                return piece[start - at : start - at + self.size]
        # The last sector may be cut short.
        at, piece = self._pieces[-1]
        return piece[start - at :] if at <= start < at + len(piece) else None

    def after(self, sector: int) -> int:
        """The next sector of a chain; a mark above the last one where it ends or can't be seen."""
        page, at = divmod(sector, self.size // 4)
        table = self.read(self._fat[page]) if page < len(self._fat) else None
        return (
            int.from_bytes(table[at * 4 : at * 4 + 4], "little") if table and len(table) == self.size else _LAST_SECTOR
        )


def kind(
    head: bytes, *, tail: bytes | None = None, size: int | None = None, directory: tuple[int, bytes] | None = None
) -> str:
    """The format, or `application/x-ole-storage` where the directory can't be seen or names none that is known.

    Args:
        head: the first bytes of the file.
        tail: the last ones; of use only with `size`.
        size: the length of the whole file in bytes.
        directory: what lies at `directory_span(head)`, with its place.
    """
    if len(head) < _HEADER_BYTES:
        return OLE
    tail_start = size - len(tail) if tail is not None and size is not None else 0
    others = [piece for piece in (directory, (tail_start, tail or b"")) if piece is not None]
    entries = _entries(_Sectors(head, *others), int.from_bytes(head[48:52], "little"))
    if not entries:
        return OLE
    if entries[0].class_id in _CLASSES:
        return _CLASSES[entries[0].class_id]
    names = {entry.name for entry in _root_members(entries)}
    if any(name.startswith(_TABLE_MARK) for name in names):
        return MSI
    return next((media_type for name, media_type in _STREAMS if name in names), OLE)


def is_directory_visible(head: bytes) -> bool:
    """Whether the first sector of the directory, with the root entry, lies within `head`."""
    if len(head) < _HEADER_BYTES:
        return False
    return _Sectors(head).read(int.from_bytes(head[48:52], "little")) is not None


def directory_span(head: bytes) -> tuple[int, int] | None:
    """Where the first sector of the directory lies, with the root entry, and its length; None if there is none."""
    sector = int.from_bytes(head[48:52], "little")
    if len(head) < _HEADER_BYTES or sector >= _LAST_SECTOR:
        return None
    size = _Sectors(head).size
    return (sector + 1) * size, size


def _entries(sectors: _Sectors, sector: int) -> list[_Entry]:
    entries: list[_Entry] = []
    for _ in range(_MAX_DIRECTORY_SECTORS):
        content = sectors.read(sector) if sector < _LAST_SECTOR else None
        if content is None:
            break
        starts = range(0, len(content) - _ENTRY_BYTES + 1, _ENTRY_BYTES)
        entries.extend(_entry(content[at : at + _ENTRY_BYTES]) for at in starts)
        sector = sectors.after(sector)
    return entries


def _entry(content: bytes) -> _Entry:
    (name_bytes,) = struct.unpack_from("<H", content, 64)
    left, right, child = struct.unpack_from("<III", content, 68)
    name = content[: max(min(name_bytes, 64) - 2, 0)].decode("utf-16-le", errors="replace")
    return _Entry(name, content[80:96], left, right, child)


def _root_members(entries: list[_Entry]) -> Iterator[_Entry]:
    """What lies in the root itself: an embedded document has the same names further down."""
    todo, seen = [entries[0].child], set[int]()
    while todo:
        number = todo.pop()
        if number < len(entries) and number not in seen:
            seen.add(number)
            entry = entries[number]
            yield entry
            todo += (entry.left, entry.right)
