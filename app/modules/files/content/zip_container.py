"""Which format a ZIP container holds, told from the names in its central directory; nothing is ever unpacked."""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from app.modules.files.content.formats import FORMATS
from app.modules.files.content.media_types import (
    AIR,
    APK,
    DOCM,
    DOCX,
    EPUB,
    IOS_APP,
    JAR,
    MSIX,
    OPEN_DOCUMENT,
    PPTM,
    PPTX,
    VSDX,
    VSIX,
    XLSB,
    XLSM,
    XLSX,
    XPI,
    ZIP,
)

SIGNATURES: Final = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
MAX_ENTRIES: Final = 10_000
_LOCAL, _CENTRAL, _END, _END64, _LOCATOR64 = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_LOCAL_BYTES, _CENTRAL_BYTES, _END_BYTES, _END64_BYTES, _LOCATOR64_BYTES = 30, 46, 22, 56, 20
_IN_ZIP64 = 0xFFFFFFFF
# Records may lie within records.
_RECORD64: Final = re.compile(re.escape(_END64) + rb"(?s:(?=(.{8}).{44}))")
_END64_HEAD_BYTES: Final = 12  # signature and length of a ZIP64 record, which its length leaves out
_SIZE_COMES_LATER = 0x08  # flag: the local header doesn't know how long its data is
_MOST_STARTS_TRIED = 64

# What the first entry, `mimetype`, may say; anything else in it is a stranger's word.
_SELF_DECLARED: Final = frozenset(
    row.media_type for row in FORMATS if row.media_type.startswith(OPEN_DOCUMENT) or row.media_type == EPUB
)
_PROGRAM_ENTRIES: Final = {
    b"androidmanifest.xml": APK,
    b"base/manifest/androidmanifest.xml": APK,
    b"classes.dex": APK,
    b"meta-inf/manifest.mf": JAR,
    b"web-inf/web.xml": JAR,
    b"appxmanifest.xml": MSIX,
    b"appxmetadata/appxbundlemanifest.xml": MSIX,
    b"install.rdf": XPI,
    b"meta-inf/mozilla.rsa": XPI,
    b"extension.vsixmanifest": VSIX,
    b"meta-inf/air/application.xml": AIR,
}
_IOS_ENTRY: Final = re.compile(rb"payload/[^/]+\.app/")
# The same names in entries of a central directory, wherever it is.
_PROGRAM_ENTRY: Final = re.compile(
    _CENTRAL
    + rb"(?s:.{42})(?i:(?:\./|/)?(?:"
    + b"|".join(re.escape(name).replace(b"/", rb"[/\\]") for name in _PROGRAM_ENTRIES)
    + rb"|payload[/\\][^/\\]{1,128}\.app[/\\]))"
)
LONGEST_PROGRAM_ENTRY_BYTES: Final = 256
_OFFICE: Final = ((b"word/", DOCX, DOCM), (b"xl/", XLSX, XLSM), (b"ppt/", PPTX, PPTM), (b"visio/", VSDX, VSDX))


def kind_in_directory(end: bytes, head: bytes, more: Iterable[bytes] = ()) -> str:
    """The format by the central directory.

    Args:
        end: the last bytes of the file, or all of it.
        head: its first bytes. They answer where the directory is larger than `end`.
        more: names of the directory that were seen elsewhere.
    """
    possible = list(_possible_bounds(end))
    names, is_complete = _directory_names(end, possible)
    local = _local_names(head)
    if not is_complete:
        names += local
    first = min((start for start, _ in possible), default=len(end))
    programs = [name for _, name in program_entries(end[max(first, 0) :], 0)]
    return _program([*names, *local, *programs, *more]) or _self_declared(head) or _kind(names, is_complete=is_complete)


def kind_in_head(head: bytes) -> str:
    """The format as far as the first entries show it: `application/zip` where they don't."""
    names = _local_names(head)
    return _program(names) or _self_declared(head) or _kind(names, is_complete=False)


def _program(names: Iterable[bytes]) -> str | None:
    """The kind of program or installer that holds entries of these names, None if they tell of none.

    What else the container says it is counts for nothing: Java and Android look for these entries only.
    """
    for name in map(_plain, names):
        if name in _PROGRAM_ENTRIES:
            return _PROGRAM_ENTRIES[name]
        if _IOS_ENTRY.match(name):
            return IOS_APP
    return None


def _plain(name: bytes) -> bytes:
    return name.replace(b"\\", b"/").removeprefix(b"./").lstrip(b"/").lower()


def _kind(names: Iterable[bytes], *, is_complete: bool) -> str:
    seen = set(map(_plain, names))
    # In a part of the directory the list of content types may be missing.
    if b"[content_types].xml" in seen or (not is_complete and b"_rels/.rels" in seen):
        office = _office_kind(seen)
        if office:
            return office
    if b"meta-inf/container.xml" in seen and b"mimetype" in seen:
        return EPUB
    return OPEN_DOCUMENT if b"meta-inf/manifest.xml" in seen and b"content.xml" in seen else ZIP


def _office_kind(seen: Collection[bytes]) -> str | None:
    has_macros = any(name.endswith(b"/vbaproject.bin") for name in seen)
    for folder, plain, macro in _OFFICE:
        if any(name.startswith(folder) for name in seen):
            if b"xl/workbook.bin" in seen:
                return XLSB
            return macro if has_macros else plain
    return None


def _self_declared(head: bytes) -> str | None:
    """What a stored first entry named `mimetype` says, as ODF and EPUB want it."""
    if head[:4] != _LOCAL or len(head) < _LOCAL_BYTES or head[_LOCAL_BYTES : _LOCAL_BYTES + 8] != b"mimetype":
        return None
    method, size, name_bytes, extra_bytes = *struct.unpack_from("<H8xI", head, 8), *struct.unpack_from("<HH", head, 26)
    if method or name_bytes != len(b"mimetype"):
        return None
    start = _LOCAL_BYTES + name_bytes + extra_bytes
    declared = head[start : start + min(size, 128)].strip().decode("latin-1")
    return declared if declared in _SELF_DECLARED else None


def program_entries(piece: bytes | bytearray, at: int) -> list[tuple[int, bytes]]:
    """The entries of central directories whose names only programs hold, each with its place.

    Args:
        piece: some bytes of a file.
        at: their place in it.
    """
    found = []
    for match in _PROGRAM_ENTRY.finditer(piece):
        (length,) = struct.unpack_from("<H", piece, match.start() + 28)
        name = bytes(piece[match.start() + _CENTRAL_BYTES : match.start() + _CENTRAL_BYTES + length])
        if _program([name]) is not None:
            found.append((at + match.start(), name))
    return found


def directory_start(end: bytes, size: int) -> int | None:
    """Where the central directory begins at the earliest, by what the end of a file of `size` bytes says.

    None if there is none.
    """
    before = size - len(end)
    return min((before + start for start, _ in _possible_bounds(end) if before + start >= 0), default=None)


def _directory_names(end: bytes, possible: Sequence[tuple[int, int]]) -> tuple[list[bytes], bool]:
    """The names that the central directory lists, and whether these are all."""
    if not possible:
        return [], False
    start, stop = possible[0]
    if start >= 0:
        names = _chain(end, start, stop)
        return (names, True) if names is not None else ([], False)
    return _last_names(end, stop), False


def _possible_bounds(end: bytes) -> Iterator[tuple[int, int]]:
    """All directories that some reader may find, the likeliest first.

    Readers look for the end record from the back, and differ in which ones they skip: the archive's comment may hold
    signatures and whole records. What comes before a record whose comment reaches exactly to the end is data.
    """
    records = _zip64_records(end)
    at = len(end)
    while (at := end.rfind(_END, 0, at)) >= 0:
        if at + _END_BYTES > len(end):
            continue
        (comment_bytes,) = struct.unpack_from("<H", end, at + 20)
        is_last = at + _END_BYTES + comment_bytes == len(end)
        for start, stop in _bounds_by(end, at, records):
            if is_last or start < 0 or end.startswith(_CENTRAL, start):
                yield start, stop
        if is_last:
            return


def _zip64_records(end: bytes) -> dict[int, list[int]]:
    """The places of ZIP64 records by that of their end, where the locator follows."""
    found: dict[int, list[int]] = {}
    if _LOCATOR64 not in end:
        return found
    for match in _RECORD64.finditer(end):
        over = match.start() + _END64_HEAD_BYTES + int.from_bytes(match[1], "little")
        if over < len(end) and end.startswith(_LOCATOR64, over):
            found.setdefault(over, []).append(match.start())
    return found


def _bounds_by(end: bytes, at: int, records: Mapping[int, Sequence[int]]) -> Iterator[tuple[int, int]]:
    """The directories that the end record at a place may mean: those of ZIP64's records, and its own.

    A ZIP64 record's data may hold what looks like another one. A reader that finds none where the locator says goes
    by the end record alone.
    """
    (size,) = struct.unpack_from("<I", end, at + 12)
    locator = at - _LOCATOR64_BYTES
    if end.startswith(_LOCATOR64, max(locator, 0)):
        for record in records.get(locator, ()):
            (size64,) = struct.unpack_from("<Q", end, record + 40)
            yield record - (size64 if size == _IN_ZIP64 else size), record
    # Counted back from its own end: that holds with anything put in front of the archive.
    if size != _IN_ZIP64:
        yield at - size, at


def _last_names(end: bytes, stop: int) -> list[bytes]:
    """The names in the part of the directory that `end` holds, from the first entry that leads to its very end."""
    start = -1
    for _ in range(_MOST_STARTS_TRIED):
        start = end.find(_CENTRAL, start + 1, stop)
        if start < 0:
            break
        names = _chain(end, start, stop)
        if names is not None:
            return names
    return []


def _chain(end: bytes, start: int, stop: int) -> list[bytes] | None:
    """The names of entries that follow one another from `start` exactly to `stop`, else None."""
    names: list[bytes] = []
    while start < stop:
        if start + _CENTRAL_BYTES > stop or not end.startswith(_CENTRAL, start) or len(names) == MAX_ENTRIES:
            return None
        name_bytes, extra_bytes, comment_bytes = struct.unpack_from("<HHH", end, start + 28)
        names.append(end[start + _CENTRAL_BYTES : start + _CENTRAL_BYTES + name_bytes])
        start += _CENTRAL_BYTES + name_bytes + extra_bytes + comment_bytes
    return names if start == stop else None


def _local_names(head: bytes) -> list[bytes]:
    """The names of the first entries, up to the first one whose length its header doesn't know."""
    names: list[bytes] = []
    at = 0
    while head.startswith(_LOCAL, at) and at + _LOCAL_BYTES <= len(head) and len(names) < MAX_ENTRIES:
        (flags,) = struct.unpack_from("<H", head, at + 6)
        (size,) = struct.unpack_from("<I", head, at + 18)
        name_bytes, extra_bytes = struct.unpack_from("<HH", head, at + 26)
        names.append(head[at + _LOCAL_BYTES : at + _LOCAL_BYTES + name_bytes])
        if flags & _SIZE_COMES_LATER or size == _IN_ZIP64:
            break
        at += _LOCAL_BYTES + name_bytes + extra_bytes + size
    return names
