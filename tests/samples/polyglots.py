"""Files that are two things at once, or something else than they seem."""

from __future__ import annotations

import io
import struct
import zipfile

from tests.samples.containers import docx, jar, plain_zip
from tests.samples.documents import HTML, SVG_NAMESPACE, pdf
from tests.samples.media import gif, jpeg, png

PHP = b"<?php system($_GET['c']); ?>"
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE %s [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]><%s>&d;</%s>'
)


def entity_bomb(root: bytes = b"lolz") -> bytes:
    """A billion laughs."""
    return LAUGHS % (root, root, root)


def external_entity() -> bytes:
    return (
        b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        b'<svg xmlns="http://www.w3.org/2000/svg"><text>&x;</text></svg>'
    )


def png_html() -> bytes:
    """A whole picture, and a page behind it."""
    return png() + HTML


def png_with_html_inside() -> bytes:
    """A page in a text chunk."""
    text = b"Comment\0" + HTML
    chunk = struct.pack(">I", len(text)) + b"tEXt" + text + b"\0\0\0\0"
    whole = png()
    return whole[:33] + chunk + whole[33:]


def jpeg_php() -> bytes:
    """A program in the comment of a picture."""
    return jpeg()[:2] + b"\xff\xfe" + struct.pack(">H", len(PHP) + 2) + PHP + jpeg()[2:]


def gif_jar() -> bytes:
    """A GIFAR: a picture to browsers, an applet to Java."""
    return gif() + jar()


def pdf_zip() -> bytes:
    return pdf() + plain_zip()


def pdf_html() -> bytes:
    """A page in front of a document; readers look for the latter."""
    return b"<script>alert(1)</script>\n" + pdf()


def pdf_script() -> bytes:
    return pdf().replace(b"/Type/Catalog", b"/Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1))>>")


def utf7_html() -> bytes:
    return b"+ADw-script+AD4-alert(1)+ADw-/script+AD4-\n"


def mhtml() -> bytes:
    return (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/html\r\n\r\n" + HTML + b"\r\n--b--\r\n"
    )


def hta() -> bytes:
    return b'<hta:application id="a"/><script>new ActiveXObject("WScript.Shell").Run("calc")</script>\n'


def flash() -> bytes:
    return b"FWS\x09" + struct.pack("<I", 60) + bytes(52)


def active_svg(what: str) -> bytes:
    return f'<svg {SVG_NAMESPACE} xmlns:xlink="http://www.w3.org/1999/xlink" {what}</svg>'.encode()


def docx_with(name: str, content: bytes) -> bytes:
    """A letter with one more entry, or with another one in its place."""
    out = io.BytesIO(docx())
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


def nested_bomb(depth: int = 6, width: int = 10) -> bytes:
    """A ZIP of ZIPs of ZIPs, as 42.zip is one: a few kilobytes that would become petabytes."""
    inner = plain_zip("zeros", entry_bytes=1 << 20)
    for _ in range(depth):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(width):
                archive.writestr(f"{number}.zip", inner)
        inner = out.getvalue()
    return inner


def overlapping_bomb(entries: int = 60_000) -> bytes:
    """Many entries that share the bytes of one."""
    local = plain_zip("zeros", entry_bytes=1 << 20)
    start = local.index(b"PK\x01\x02")
    central = local[start : local.rindex(b"PK\x05\x06")]
    directory = central * entries
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, entries & 0xFFFF, entries & 0xFFFF, len(directory), start, 0)
    return local[:start] + directory + end


def crowded_zip(entries: int = 200_000) -> bytes:
    """More entries than anybody wants to list, the first ones an Office file's."""
    names = [b"[Content_Types].xml", b"word/document.xml", *(b"%d" % number for number in range(entries))]
    locals_, centrals, at = [], [], 0
    for name in names:
        local = struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0) + name
        centrals.append(
            struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0, at)
            + name
        )
        locals_.append(local)
        at += len(local)
    directory = b"".join(centrals)
    return b"".join(locals_) + directory + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 9, 9, len(directory), at, 0)


def boastful_zip() -> bytes:
    """Its last record speaks of four billion entries of four gigabytes."""
    whole = plain_zip()
    end = whole.rindex(b"PK\x05\x06")
    return whole[:end] + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFF0, 0xFFFFFFF0, 0)
