"""Documents, archives, programs and text."""

from __future__ import annotations

import gzip as gzip_format
import io
import json
import struct
import tarfile

SVG_NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'
SVG_DOCTYPE = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
HTML = b"<!DOCTYPE html>\n<html><head><title>t</title></head><body><script>alert(1)</script></body></html>"
CSV = b"id,name\n1,Ann\n2,Bob\n"


def pdf(prefix: bytes = b"") -> bytes:
    parts = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
    )
    out, starts = prefix + b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, part in enumerate(parts, 1):
        starts.append(len(out))
        out += b"%d 0 obj%bendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    return out + b"xref\n0 4\n0000000000 65535 f \n%btrailer<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        table,
        len(out),
    )


def pe() -> bytes:
    stub = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff".ljust(60, b"\x00") + struct.pack("<I", 128)
    return (
        stub.ljust(128, b"\x00") + b"PE\x00\x00" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 240, 0x22) + bytes(300)
    )


def elf() -> bytes:
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\x00")
    return header + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x400078, 64, 0, 0, 64, 56, 0, 0, 0, 0)


def mach_o() -> bytes:
    return bytes.fromhex("cffaedfe07000001030000000200000000000000000000000000000000000000") + bytes(32)


def java_class() -> bytes:
    return bytes.fromhex("cafebabe0000003400") + bytes(40)


def gzip(content: bytes = b"hello") -> bytes:
    return gzip_format.compress(content, mtime=0)


def tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    return out.getvalue()


def ndjson(lines: int = 5) -> bytes:
    return b"".join(json.dumps({"line": number}).encode() + b"\n" for number in range(lines))


def long_json(items: int = 20_000) -> bytes:
    return json.dumps([{"id": number, "name": f"n{number}"} for number in range(items)]).encode()


def svg(before: str = "", after: str = "") -> bytes:
    return f'{before}<svg {SVG_NAMESPACE} width="1" height="1">{after}<rect width="1" height="1"/></svg>'.encode()
