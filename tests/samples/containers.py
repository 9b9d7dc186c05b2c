"""ZIP containers: Office files, OpenDocument, EPUB, JAR, and the odd ones."""

from __future__ import annotations

import io
import struct
import zipfile

OOXML = "application/vnd.openxmlformats-officedocument"
ODF = "application/vnd.oasis.opendocument"


def plain_zip(*names: str, entry_bytes: int = 40, method: int = zipfile.ZIP_DEFLATED, prefix: bytes = b"") -> bytes:
    """A ZIP of these entries, `a.txt` and `b/c.txt` by default; `prefix` goes in front of the archive."""
    out = io.BytesIO()
    out.write(prefix)
    with zipfile.ZipFile(out, "a" if prefix else "w", method) as archive:
        for name in names or ("a.txt", "b/c.txt"):
            archive.writestr(name, b"x" * entry_bytes)
    return out.getvalue()


def many_entries_zip(count: int = 3_000, first: tuple[str, ...] = ()) -> bytes:
    """A ZIP whose central directory is larger than 128 KiB."""
    names = (*first, *(f"photographs/2026/september/IMG_{number:06}.jpeg" for number in range(count)))
    return plain_zip(*names, entry_bytes=1, method=zipfile.ZIP_STORED)


def zip64(*names: str) -> bytes:
    """A ZIP that ends in the 64-bit records, with all-ones in the fields of the 32-bit one."""
    whole = plain_zip(*names)
    end = whole.rindex(b"PK\x05\x06")
    count, size, start = struct.unpack_from("<HII", whole, end + 10)
    record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    ones = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return whole[:end] + record + locator + ones


def zip_bomb() -> bytes:
    """64 MiB of zeros in 64 KiB, fifty times over under fifty names."""
    return plain_zip(*(f"bomb{number}" for number in range(8)), entry_bytes=8 << 20)


def _office(main: str, content_type: str, *more: str, properties_first: bool = False) -> bytes:
    types = (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/{main}" ContentType="{content_type}"/></Types>'
    )
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    relations = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{kind}" Target="{main}"/></Relationships>'
    )
    entries = {"[Content_Types].xml": types, "_rels/.rels": relations, main: "<w/>"} | dict.fromkeys(more, "x")
    properties = {"docProps/app.xml": "<Properties/>"}
    entries = properties | entries if properties_first else entries | properties
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return out.getvalue()


def docx(*more: str, properties_first: bool = False) -> bytes:
    kind = f"{OOXML}.wordprocessingml.document.main+xml"
    return _office("word/document.xml", kind, *more, properties_first=properties_first)


def xlsx(*more: str) -> bytes:
    return _office("xl/workbook.xml", f"{OOXML}.spreadsheetml.sheet.main+xml", *more)


def pptx(*more: str) -> bytes:
    return _office("ppt/presentation.xml", f"{OOXML}.presentationml.presentation.main+xml", *more)


def docm() -> bytes:
    return docx("word/vbaProject.bin")


def xlsm() -> bytes:
    return xlsx("xl/vbaProject.bin")


def pptm() -> bytes:
    return pptx("ppt/vbaProject.bin")


def xlsb() -> bytes:
    return _office("xl/workbook.bin", "application/vnd.ms-excel.sheet.binary.macroEnabled.main")


def self_declaring_zip(mimetype: str, *names: str, method: int = zipfile.ZIP_STORED) -> bytes:
    """A ZIP whose first entry, `mimetype`, says what it is, as ODF and EPUB want it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", mimetype, method)
        for name in names:
            archive.writestr(name, "<x/>")
    return out.getvalue()


def odt(method: int = zipfile.ZIP_STORED) -> bytes:
    return self_declaring_zip(f"{ODF}.text", "content.xml", "META-INF/manifest.xml", method=method)


def ods() -> bytes:
    return self_declaring_zip(f"{ODF}.spreadsheet", "content.xml", "META-INF/manifest.xml")


def epub(method: int = zipfile.ZIP_STORED) -> bytes:
    return self_declaring_zip("application/epub+zip", "META-INF/container.xml", "OEBPS/1.xhtml", method=method)


def jar() -> bytes:
    return plain_zip("META-INF/", "META-INF/MANIFEST.MF", "com/example/Main.class")


def apk() -> bytes:
    return plain_zip("AndroidManifest.xml", "classes.dex", "resources.arsc")
