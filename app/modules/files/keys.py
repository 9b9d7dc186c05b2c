"""The one place where object keys are built: plain ASCII, no dot segments, at most 1,024 bytes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from anyascii import anyascii

from app.modules.files.names import split_extension

MAX_KEY_BYTES: Final = 1024
_MAX_EXTENSION_BYTES: Final = 16
_STRANGE: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_DOTS: Final = re.compile(r"\.{2,}")


def build_key(
    *,
    prefix: str,
    folder: str,
    filename: str,
    object_id: UUID,
    now: datetime,
    structure: str,
    use_uuid_prefix: bool,
    preserve_filename: bool,
    collision: str | None = None,
) -> str:
    """The key of a new object, such as `documents/2025/01/15/<uuid>_document.pdf`.

    Args:
        prefix: `S3_KEY_PREFIX`, empty or ending in `/`; taken as it is.
        folder: cleaned by `clean_folder`; goes before the date part.
        filename: cleaned by `clean_filename`.
        object_id: drawn for this object; in the key unless a timestamp takes its place.
        now: when the object is reserved, with its time zone; written as UTC.
        structure: `S3_FOLDER_STRUCTURE`; empty for no date part.
        use_uuid_prefix: `<uuid>_name.ext` instead of `20250115_143022_name.ext`.
        preserve_filename: False gives `<uuid>.ext` in any case.
        collision: eight hex digits that go before the extension of a key that was used before.

    Where all of it would pass 1,024 bytes, the name is cut first and the folder next; extension and id stay.

    Raises:
        ValueError: prefix and structure alone leave no room.
    """
    moment = now.astimezone(UTC)
    date = structure.format(year=f"{moment:%Y}", month=f"{moment:%m}", day=f"{moment:%d}", hour=f"{moment:%H}")
    date_part = f"{date}/" if date else ""
    stem, extension = _plain_name(filename)
    lead = str(object_id) if use_uuid_prefix or not preserve_filename else f"{moment:%Y%m%d_%H%M%S}"
    ending = (f"-{collision}" if collision else "") + (f".{extension}" if extension else "")

    room = MAX_KEY_BYTES - len(prefix) - len(date_part) - len(lead) - len(ending)
    if room < 0:
        raise ValueError("S3_KEY_PREFIX and S3_FOLDER_STRUCTURE are too long: keys have at most 1024 bytes")
    folder_part = _plain_folder(folder, room)
    stem = stem[: max(room - len(folder_part) - 1, 0)].rstrip("._-") if preserve_filename else ""
    return prefix + folder_part + date_part + lead + (f"_{stem}" if stem else "") + ending


def staging_prefix(prefix: str) -> str:
    """Where clients write what is copied from there once they say that it's complete; no file's key begins so.

    Args:
        prefix: `S3_KEY_PREFIX`, empty or ending in `/`.
    """
    return f"{prefix}.holdfast/staging/"


def _plain(text: str) -> str:
    """ASCII letters, digits, `_`, `.` and `-` only, without two dots in a row."""
    return _DOTS.sub(".", _STRANGE.sub("_", anyascii(text)))


def _plain_name(filename: str) -> tuple[str, str]:
    stem, extension = split_extension(filename)
    plain = re.sub(r"[^A-Za-z0-9]", "", anyascii(extension))[:_MAX_EXTENSION_BYTES]
    return _plain(stem).strip("._"), plain


def _plain_folder(folder: str, room: int) -> str:
    """The folder with a slash behind it, of at most `room` bytes; empty for the root."""
    segments = [_plain(segment).strip(".") or "_" for segment in folder.split("/") if segment]
    whole = "/".join(segments)[: max(room - 1, 0)].rstrip("./")
    return f"{whole}/" if whole else ""
