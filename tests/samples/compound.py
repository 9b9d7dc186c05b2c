"""OLE2 compound files ([MS-CFB], version 3), written by hand."""

from __future__ import annotations

import struct


def ole(*streams: str, class_id: str = "0" * 32, nested: tuple[str, ...] = (), padding_sectors: int = 0) -> bytes:
    """Streams of 4,096 bytes in the root, `nested` ones in a storage `ObjectPool`.

    The directory goes behind `padding_sectors` unused ones, and so to the end of the file if there are many.
    """
    free, end, fat_mark = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
    names = [*sorted(streams, key=lambda name: (len(name), name)), *(["ObjectPool"] if nested else []), *nested]
    top = len(names) - len(nested)
    fat_sectors = 1 + (padding_sectors + 8 * len(names) + 40) // 128
    directory_at = fat_sectors + padding_sectors
    directory_sectors = -(-(len(names) + 1) // 4)
    data_at = directory_at + directory_sectors
    fat = [fat_mark] * fat_sectors + [free] * padding_sectors
    fat += [*range(directory_at + 1, data_at), end]
    entries = [_ole_entry("Root Entry", 5, child=1, class_id=class_id, start=end, size=0)]
    data = b""
    for number, name in enumerate(names, 1):
        right = number + 1 if number not in {top, len(names)} else free
        if name == "ObjectPool":
            entries.append(_ole_entry(name, 1, right=free, child=top + 1, start=0, size=0))
            continue
        first = data_at + len(data) // 512
        fat += [*range(first + 1, first + 8), end]
        data += b"\x01" * 4096
        entries.append(_ole_entry(name, 2, right=right, start=first, size=4096))
    directory = b"".join(entries).ljust(directory_sectors * 512, b"\x00")
    header = bytes.fromhex("D0CF11E0A1B11AE1") + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIIII", 0, fat_sectors, directory_at, 0, 4096, end, 0, end, 0, 0)[:40]
    header = header[:76] + struct.pack("<109I", *range(fat_sectors), *[free] * (109 - fat_sectors))
    table = struct.pack(f"<{len(fat)}I", *fat).ljust(fat_sectors * 512, b"\xff")
    return header + table + bytes(512 * padding_sectors) + directory + data


def _ole_entry(
    name: str, kind: int, *, start: int, size: int, right: int = 0xFFFFFFFF, child: int = 0xFFFFFFFF, class_id: str = ""
) -> bytes:
    encoded = name.encode("utf-16-le") + b"\x00\x00"
    links = struct.pack("<HBBIII", len(encoded), kind, 1, 0xFFFFFFFF, right, child)
    return (
        encoded.ljust(64, b"\x00")
        + links
        + bytes.fromhex(class_id or "0" * 32)
        + bytes(20)
        + struct.pack("<IQ", start, size)
    )


def doc(padding_sectors: int = 0) -> bytes:
    return ole("WordDocument", "1Table", "Data", "\x05SummaryInformation", padding_sectors=padding_sectors)


def xls() -> bytes:
    return ole("Workbook", "\x05SummaryInformation")


def ppt() -> bytes:
    return ole("PowerPoint Document", "Current User")


def msg() -> bytes:
    return ole("__properties_version1.0", "__nameid_version1.0", "__substg1.0_0037001F")


def msi() -> bytes:
    return ole("\u4840\u3f7f", class_id="84100C0000000000C000000000000046")


def encrypted_docx(padding_sectors: int = 0) -> bytes:
    return ole("EncryptedPackage", "EncryptionInfo", padding_sectors=padding_sectors)
