"""Which format a ZIP container holds, told from the names in its central directory; nothing is ever unpacked."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable
from typing import Final

from app.modules.files.content.formats import FORMATS
from app.modules.files.content.media_types import (
    APK,
    DOCM,
    DOCX,
    EPUB,
    JAR,
    OPEN_DOCUMENT,
    PPTM,
    PPTX,
    VSDX,
    XLSB,
    XLSM,
    XLSX,
    ZIP,
)

SIGNATURES: Final = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
MAX_ENTRIES: Final = 10_000
_LOCAL, _CENTRAL, _END, _END64, _LOCATOR64 = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_LOCAL_BYTES, _CENTRAL_BYTES, _END_BYTES, _END64_BYTES, _LOCATOR64_BYTES = 30, 46, 22, 56, 20
_IN_ZIP64 = 0xFFFFFFFF
_SIZE_COMES_LATER = 0x08  # flag: the local header doesn't know how long its data is
_MOST_STARTS_TRIED = 64

# What the first entry, `mimetype`, may say; anything else in it is a stranger's word.
_SELF_DECLARED: Final = frozenset(
    row.media_type for row in FORMATS if row.media_type.startswith(OPEN_DOCUMENT) or row.media_type == EPUB
)
_OFFICE: Final = ((b"word/", DOCX, DOCM), (b"xl/", XLSX, XLSM), (b"ppt/", PPTX, PPTM), (b"visio/", VSDX, VSDX))


def kind_in_directory(end: bytes, head: bytes) -> str:
    """The format by the central directory.

    Args:
        end: the last bytes of the file, or all of it.
        head: its first bytes. They answer where the directory is larger than `end`.
    """
    names, is_complete = _directory_names(end)
    if not is_complete:
        names += _local_names(head)
    return _self_declared(head) or _kind(names, is_complete=is_complete)


def kind_in_head(head: bytes) -> str:
    """The format as far as the first entries show it: `application/zip` where they don't."""
    return _self_declared(head) or _kind(_local_names(head), is_complete=False)


def _kind(names: Iterable[bytes], *, is_complete: bool) -> str:
    seen = {name.replace(b"\\", b"/").lower() for name in names}
    if b"androidmanifest.xml" in seen:
        return APK
    if b"meta-inf/manifest.mf" in seen:
        return JAR
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


def _directory_names(end: bytes) -> tuple[list[bytes], bool]:
    """The names that the central directory lists, and whether these are all."""
    at = end.rfind(_END)
    if at < 0 or at + _END_BYTES > len(end):
        return [], False
    (size,) = struct.unpack_from("<I", end, at + 12)
    stop = at
    locator = at - _LOCATOR64_BYTES
    if locator >= 0 and end.startswith(_LOCATOR64, locator):
        record = end.rfind(_END64, 0, max(locator - _END64_BYTES + len(_END64), 0))
        if record < 0:
            return [], False
        if size == _IN_ZIP64:
            (size,) = struct.unpack_from("<Q", end, record + 40)
        stop = record
    # Counted back from its own end: that holds with anything put in front of the archive.
    start = stop - size
    if start >= 0:
        names = _chain(end, start, stop)
        return (names, True) if names is not None else ([], False)
    return _last_names(end, stop), False


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
