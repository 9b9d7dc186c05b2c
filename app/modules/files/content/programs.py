"""How programs begin. What begins as a program is one, whatever else its bytes may be further on."""

from __future__ import annotations

import re
from typing import Final

from app.modules.files.content import text
from app.modules.files.content.media_types import (
    CHM,
    CRX,
    DEB,
    DEX,
    ELF,
    JAVA_CLASS,
    MACH_O,
    PHP,
    PORTABLE_EXECUTABLE,
    PYTHON_BYTECODE,
    RPM,
    SERVER_PAGE,
    SHELL_SCRIPT,
    SHORTCUT,
    TEXT,
    WASM,
    XAR,
)

_BINARY: Final = (
    (b"\x7fELF", ELF),
    (b"MZ", PORTABLE_EXECUTABLE),
    (b"ZM", PORTABLE_EXECUTABLE),
    (b"\xfe\xed\xfa\xce", MACH_O),
    (b"\xfe\xed\xfa\xcf", MACH_O),
    (b"\xce\xfa\xed\xfe", MACH_O),
    (b"\xcf\xfa\xed\xfe", MACH_O),
    (b"\xca\xfe\xba\xbf", MACH_O),
    (b"\xbe\xba\xfe\xca", MACH_O),
    (b"\xbf\xba\xfe\xca", MACH_O),
    (b"\xca\xfe\xd0\x0d", JAVA_CLASS),  # many classes, packed
    (b"L\x00\x00\x00\x01\x14\x02\x00", SHORTCUT),
    (b"\x00asm", WASM),
    (b"dex\n03", DEX),
    (b"dex\n04", DEX),
    (b"dey\n03", DEX),
    (b"\xed\xab\xee\xdb", RPM),
    (b"!<arch>\ndebian", DEB),
    (b"Cr24\x02\x00\x00\x00", CRX),
    (b"Cr24\x03\x00\x00\x00", CRX),
    (b"xar!\x00", XAR),
    (b"ITSF\x03\x00\x00\x00", CHM),
    (b"\x1bLua", "application/x-lua-bytecode"),
    (b"\x1bLJ", "application/x-lua-bytecode"),
    (b"BC\xc0\xde", "application/x-llvm"),
    (b"\xde\xc0\x17\x0b", "application/x-llvm"),
)
# These may begin a text as well. They count where more than text follows.
_TEXTUAL: Final = (
    (b"fws", "application/vnd.adobe.flash.movie"),
    (b"cws", "application/vnd.adobe.flash.movie"),
    (b"zws", "application/vnd.adobe.flash.movie"),
    (b"mscf", "application/vnd.ms-cab-compressed"),
    (b"isc(", "application/x-installshield"),
    (b"itsf", CHM),
    (b"cr24", CRX),
    (b"xar!", XAR),
    (b"dex\n", DEX),
    (b"dey\n", DEX),
    (b"fasduas ", "application/x-applescript"),
    (b"@echo off", "text/x-msdos-batch"),
    (b"#@~^", "text/x-vbscript-encoded"),
    (b"regedit4", "text/x-ms-regedit"),
    (b"windows registry editor", "text/x-ms-regedit"),
    (b"[internetshortcut]", "application/x-mswinurl"),
    (b"[desktop entry]", "application/x-desktop"),
)
_LONGEST_TEXTUAL: Final = 32
_PYTHON_BYTECODE: Final = re.compile(rb"[\x00-\xff][\x0b-\x0f]\r\n[\x00-\x03]\x00\x00\x00")
_FAT_MACH_O: Final = b"\xca\xfe\xba\xbe"  # Java class files begin alike; their next word is a version ≥ 45
_MOST_ARCHITECTURES: Final = 30
_SCRIPT_WINDOW_BYTES: Final = 1024
_SPACE: Final = b"\xef\xbb\xbf \t\r\n\f\v\x00"


def binary(head: bytes) -> str | None:
    """The kind of program by a signature that hardly any text begins with, None if there is none."""
    for signature, media_type in _BINARY:
        if head.startswith(signature):
            return media_type
    if head.startswith(_FAT_MACH_O):
        return MACH_O if int.from_bytes(head[4:8], "big") <= _MOST_ARCHITECTURES else JAVA_CLASS
    return PYTHON_BYTECODE if _PYTHON_BYTECODE.match(head) else None


def beginning(head: bytes) -> str | None:
    """The kind of program that bytes begin as, scripts and what mere text may begin with included; else None."""
    return binary(head) or _textual(head[:_LONGEST_TEXTUAL].lower()) or _script(head)


def _textual(start: bytes) -> str | None:
    return next((media_type for signature, media_type in _TEXTUAL if start.startswith(signature)), None)


def _script(head: bytes) -> str | None:
    start = head[:_SCRIPT_WINDOW_BYTES].lstrip(_SPACE)
    if start.startswith(b"#!"):
        kind = text.classify(start.decode("latin-1"))
        return SHELL_SCRIPT if kind == TEXT else kind
    if start.startswith(b"<%"):
        return SERVER_PAGE
    return PHP if start.startswith(b"<?") and start[2:5].lower() != b"xml" else None
