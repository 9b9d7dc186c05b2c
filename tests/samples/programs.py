"""How programs begin, and programs that claim to be something else."""

from __future__ import annotations

import io
import struct
import zipfile

from tests.samples.compound import ole
from tests.samples.containers import ODF, plain_zip
from tests.samples.documents import elf, java_class, mach_o, pdf, pe

MSI_CLASS = "84100C0000000000C000000000000046"
MSI_TABLE = "\u4840\u3f7f"

# Whole programs where they are short, else their first bytes.
BEGINNINGS: dict[str, bytes] = {
    "Windows": pe(),
    "DOS": b"ZM" + bytes(60),
    "ELF": elf(),
    "Mach-O": mach_o(),
    "Mach-O, 32 bits": bytes.fromhex("feedface0000000c") + bytes(24),
    "Mach-O for many machines": bytes.fromhex("cafebabe00000002") + bytes(40),
    "Mach-O for many machines, 64 bits": bytes.fromhex("cafebabf00000002") + bytes(40),
    "Java class": java_class(),
    "Java classes, packed": bytes.fromhex("cafed00d0796") + bytes(40),
    "shortcut": bytes.fromhex("4c0000000114020000000000c000000000000046") + bytes(60),
    "WebAssembly": b"\0asm\x01\0\0\0",
    "WebAssembly component": b"\0asm\x0d\0\x01\0",
    "Dalvik": b"dex\n035\0" + bytes(40),
    "Dalvik, newer": b"dex\n041\0" + bytes(40),
    "Python bytecode": bytes.fromhex("a70d0d0a00000000") + bytes(8),
    "Lua bytecode": b"\x1bLua\x54\0" + bytes(20),
    "LuaJIT bytecode": b"\x1bLJ\x02\x02" + bytes(20),
    "LLVM bitcode": b"BC\xc0\xde" + bytes(20),
    "compiled help": b"ITSF\x03\0\0\0" + bytes(40),
    "package of Debian": b"!<arch>\ndebian-binary   1700000000  0     0     100644  4         `\n2.0\n\0",
    "package of RPM": b"\xed\xab\xee\xdb\x03\0" + bytes(40),
    "package of macOS": b"xar!\0\x1c\0\x01" + bytes(20),
    "extension of Chrome": b"Cr24\x03\0\0\0" + bytes(20),
    "Flash": b"FWS\x09" + struct.pack("<I", 60) + bytes(20),
    "Flash, packed": b"CWS\x0a" + struct.pack("<I", 60) + b"\x78\x9c\0",
    "cabinet": b"MSCF\0\0\0\0" + bytes(28),
    "AppleScript": b"FasdUAS 1.101.10\x0e\0",
    "shell script": b"#!/bin/sh\nid\nexit\n",
    "shell script behind a mark": b"\xef\xbb\xbf#!/bin/sh\nid\nexit\n",
    "Python script": b"#!/usr/bin/env python3\nimport os\n",
    "script of no known interpreter": b"#!perl\nprint 1\n",
    "PHP": b"<?php system($_GET['c']); __halt_compiler();\n",
    "PHP behind a line": b"\n\n<?php system($_GET['c']); ?>\n",
    "PHP, short": b"<?= `id` ?>\n",
    "server page": b'<%@ page language="java" %><% out.println(1); %>\n',
    "batch file": b"@echo off\r\nstart calc\r\nexit\r\n",
    "encoded VBScript": b"#@~^BQAAAA==\r\n",
    "registry file": b"REGEDIT4\r\n[HKEY_CURRENT_USER]\r\n",
    "internet shortcut": b"[InternetShortcut]\r\nURL=file://host/a.exe\r\n",
    "desktop entry": b"[Desktop Entry]\nExec=id\n",
}  # fmt: skip


def before_pdf(beginning: bytes) -> bytes:
    """A program with a whole document behind it, in the first kilobyte: readers take it for one."""
    return pdf(beginning + b"\n")


def before_tar(beginning: bytes) -> bytes:
    """A program whose header is also the one of a tar archive, checksum included."""
    block = bytearray(beginning.ljust(257, b"\0")[:257] + b"ustar\x0000" + bytes(247))
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + bytes(1024)


def claiming_zip(claim: str, *names: str) -> bytes:
    """A ZIP whose first entry says that it is a document, before the entries of a program."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", claim, zipfile.ZIP_STORED)
        for name in names:
            archive.writestr(name, "x")
    return out.getvalue()


PROGRAM_ENTRIES = {
    "JAR": ("META-INF/MANIFEST.MF", "Main.class"),
    "JAR in small letters": ("meta-inf/manifest.mf", "Main.class"),
    "web application": ("WEB-INF/web.xml", "WEB-INF/classes/A.class"),
    "APK": ("AndroidManifest.xml", "classes.dex"),
    "code for Android alone": ("classes.dex",),
    "bundle for Android": ("base/manifest/AndroidManifest.xml", "BundleConfig.pb"),
    "package of Windows": ("AppxManifest.xml", "AppxBlockMap.xml", "[Content_Types].xml"),
    "bundle of Windows": ("AppxMetadata/AppxBundleManifest.xml", "[Content_Types].xml"),
    "application of iOS": ("Payload/Game.app/Info.plist", "Payload/Game.app/Game"),
    "extension of Firefox": ("manifest.json", "META-INF/mozilla.rsa"),
    "extension of Visual Studio": ("extension.vsixmanifest", "[Content_Types].xml"),
}
CLAIMS = {"EPUB": "application/epub+zip", "ODT": f"{ODF}.text"}


def crowded_jar(*, entries: int = 6_000) -> bytes:
    """A JAR whose manifest is named in the middle of a directory larger than any end of the file that is read."""
    around = [f"photographs/2026/september/IMG_{number:06}.jpeg" for number in range(entries)]
    names = (*around[: entries // 2], "META-INF/MANIFEST.MF", *around[entries // 2 :])
    return plain_zip(*names, entry_bytes=1, method=zipfile.ZIP_STORED)


def jar_behind_comment(comment: bytes) -> bytes:
    """A JAR, with a first entry so large that only its directory names the manifest, and a comment behind that."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("photo.jpeg", bytes(100_000))
        archive.writestr("META-INF/MANIFEST.MF", "Main-Class: Main\n")
        archive.comment = comment
    return out.getvalue()


def jar_with_wrong_locator() -> bytes:
    """A JAR whose last entry has a comment that looks like the locator of a record that isn't there."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("photo.jpeg", bytes(100_000))
        manifest = zipfile.ZipInfo("META-INF/MANIFEST.MF")
        manifest.comment = b"PK\6\7" + bytes(16)
        archive.writestr(manifest, "Main-Class: Main\n")
    return out.getvalue()


# Java reads the manifest of each: it looks for the end record as `ZipFile.Source.findEND` does.
HIDDEN_DIRECTORIES = {
    "a signature in the comment": jar_behind_comment(b"xPK\5\6"),
    "half a record in the comment": jar_behind_comment(b"PK\5\6" + bytes(10)),
    "an empty record in the comment": jar_behind_comment(b"PK\5\6" + bytes(18) + b"xx"),
    "many records in the comment": jar_behind_comment((b"PK\5\6" + bytes(18)) * 2_900 + b"xx"),
    "the locator of nothing": jar_with_wrong_locator(),
}


def zip_with_jar_inside() -> bytes:
    """An archive that holds a JAR as it is, among others: no program itself."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("lib/tool.jar", crowded_jar(entries=100))
        archive.writestr("readme.txt", "x")
    return out.getvalue()


def installer(*streams: str, class_id: str = MSI_CLASS) -> bytes:
    """An installer whose directory lies in the middle of the file, seen from neither end."""
    return ole(*(streams or (MSI_TABLE,)), class_id=class_id, padding_sectors=2_000) + bytes(300_000)
