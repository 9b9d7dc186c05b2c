"""Pictures, sound and film."""

from __future__ import annotations

import base64
import io
import struct
import wave
import zlib


def png(width: int = 1, height: int = 1) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    pixels = zlib.compress(b"".join(b"\x00" + b"\x7f\x00\xff" * width for _ in range(height)))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def jpeg() -> bytes:
    return base64.b64decode(
        b"/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP////////////////////////////////////////////////////////////////////////"
        b"//////////////wgALCAABAAEBAREA/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPxA="
    )


def gif() -> bytes:
    return bytes.fromhex("47494638396101000100800000ffffff00000021f90400000000002c00000000010001000002024401003b")


def gif_script_polyglot() -> bytes:
    return b"GIF89a/*" + b"A" * 30 + b"*/=1;</style><script>alert(document.domain)</script>"


def webp() -> bytes:
    return base64.b64decode(b"UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA")


def iso_media(major: bytes, *compatible: bytes) -> bytes:
    """An MP4-like file of that brand: `ftyp`, an empty `moov`, some `mdat`."""
    brands = b"".join(compatible)
    header = struct.pack(">I4s4sI", 16 + len(brands), b"ftyp", major, 512) + brands
    return header + struct.pack(">I4s", 8, b"moov") + struct.pack(">I4s", 72, b"mdat") + bytes(64)


def mp4() -> bytes:
    return iso_media(b"isom", b"isom", b"iso2", b"avc1", b"mp41")


def ebml(doctype: bytes) -> bytes:
    content = b"\x42\x86\x81\x01\x42\xf7\x81\x01\x42\x82" + bytes([0x80 | len(doctype)]) + doctype
    return b"\x1a\x45\xdf\xa3" + bytes([0x80 | len(content)]) + content + b"\x18\x53\x80\x67" + bytes(20)


def ogg(codec: bytes = b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00") -> bytes:
    return struct.pack("<4sBBqIIIBB", b"OggS", 0, 2, 0, 7, 0, 0, 1, len(codec)) + codec


def mp3(*, tagged: bool = True) -> bytes:
    frames = (b"\xff\xfb\x90\x64" + bytes(413)) * 3
    return b"ID3\x03\x00\x00\x00\x00\x00\x0a" + bytes(10) + frames if tagged else frames


def id3_only() -> bytes:
    return b"ID3\x03\x00\x00\x00\x00\x00\x14TIT2\x00\x00\x00\x0a\x00\x00\x00Holdfast!"


def wav() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(160))
    return out.getvalue()
