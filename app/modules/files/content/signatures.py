"""Formats that libmagic misses in short files or names differently from version to version, by their signatures."""

from __future__ import annotations

import re
from typing import Final

from app.modules.files.content.media_types import UNKNOWN

# These may be followed by nothing but text, so they are looked for before text is.
_LEADING: Final = (
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"{\\rtf", "application/rtf"),
    (b"%!PS", "application/postscript"),
    (b"#!AMR\n", "audio/amr"),
    (b"#!AMR-WB", "audio/amr"),
    (b"#!AMR_MC", "audio/amr"),
)
PDF: Final = "application/pdf"
_PDF: Final = re.compile(rb"%PDF-\d")
_LATER_PDF: Final = re.compile(rb"[\r\n]%PDF-\d")
_PDF_WINDOW_BYTES: Final = 1024  # how much junk readers accept in front

_BINARY: Final = (
    (b"ID3", "audio/mpeg"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"\x00\x01\x00\x00\x00", "font/ttf"),
    (b"8BPS\x00\x01", "image/vnd.adobe.photoshop"),
    (b"PAR1", "application/vnd.apache.parquet"),
)

_BRANDS: Final = {
    b"avif": "image/avif", b"avis": "image/avif",
    b"heic": "image/heic", b"heix": "image/heic", b"heim": "image/heic", b"heis": "image/heic",
    b"hevc": "image/heic", b"hevx": "image/heic",
    b"mif1": "image/heif", b"msf1": "image/heif",
    b"qt  ": "video/quicktime", b"jp2 ": "image/jp2", b"crx ": "image/x-canon-cr3",
    b"M4A ": "audio/mp4", b"M4B ": "audio/mp4", b"M4P ": "audio/mp4", b"F4A ": "audio/mp4",
}  # fmt: skip
_OLD_QUICKTIME: Final = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_RIFF: Final = {b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo", b"WEBP": "image/webp"}


def leading(head: bytes) -> str | None:
    """The format of a file whose signature may stand before mere text, None if there is no such signature."""
    for signature, media_type in _LEADING:
        if head.startswith(signature):
            return media_type
    return PDF if _PDF.match(head) else None


def behind_junk(head: bytes) -> str | None:
    """The format of a file that readers accept with something else in front, None if it is no such file."""
    return PDF if _LATER_PDF.search(head, 0, _PDF_WINDOW_BYTES) else None


def binary(head: bytes) -> str | None:
    """The format of bytes that are known not to be text, None if no signature of this table fits."""
    for signature, media_type in _BINARY:
        if head.startswith(signature):
            return media_type
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], UNKNOWN)
    if head[:4] == b"OggS":
        # The first page's payload names the codec; sound is far likelier where it is cut off or unknown.
        return "video/ogg" if b"theora" in head[28:48] else "audio/ogg"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "video/webm" if b"webm" in head[4:64] else "video/x-matroska"
    return _iso_media(head)


def _iso_media(head: bytes) -> str | None:
    """MP4 and its kin: a box of size and name first; the `ftyp` box lists the brands that the file follows."""
    name = head[4:8]
    if name != b"ftyp":
        return "video/quicktime" if name in _OLD_QUICKTIME and head[0] == 0 else None
    end = min(int.from_bytes(head[:4], "big"), len(head), 256)
    major, compatible = head[8:12], {head[at : at + 4] for at in range(16, end - 3, 4)}
    if major[:3] in {b"3gp", b"3gg", b"3gs", b"3ge", b"3gr"}:
        return "video/3gpp"
    if major[:3] == b"3g2":
        return "video/3gpp2"
    if major in {b"mif1", b"msf1"}:  # says only "some still image": the others say of which kind
        for brand in (b"avif", b"avis", b"heic", b"heix", b"hevc"):
            if brand in compatible:
                return _BRANDS[brand]
    return _BRANDS.get(major, "video/mp4")
