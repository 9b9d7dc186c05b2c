"""Names that people give: a file's name and its folder, cleaned of what would deceive or break somebody later."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from app.modules.files.exceptions import InvalidFilename, InvalidFolder

MAX_FILENAME_BYTES: Final = 255
MAX_FOLDER_BYTES: Final = 512
MAX_FOLDER_DEPTH: Final = 32
_MAX_EXTENSION_BYTES: Final = 64

_JOINERS: Final = "\u200c\u200d"  # Persian and Indic spelling, and most emoji, need them
# Format characters that are visible: Arabic number and verse signs.
_VISIBLE_FORMAT: Final = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
# U+FFFE and U+FFFF of each plane and U+FDD0 to U+FDEF are set aside by Unicode as never being text.
_NONCHARACTER: Final = re.compile(
    "["
    + "".join(chr(plane + last) for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF))
    + "\ufdd0-\ufdef]"
)
_REMOVED: Final = frozenset({"Cc", "Cf", "Zl", "Zp"})
_ALTERNATE_STREAM: Final = re.compile(r":[^:]*:\$[a-z]+", re.IGNORECASE)
_RESERVED_ON_WINDOWS: Final = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])", re.IGNORECASE
)
_MOST_MARKS_DROPPED: Final = 32


def unescape_form_filename(raw: str) -> str:
    """Undo what browsers and curl do to a `filename` in a multipart header: `%22`, `%0D` and `%0A`, nothing else.

    That is the whole escaping of the HTML standard; a lone `%` stays, since it is not escaped by them either.
    """
    return re.sub(r"%(22|0[DA])", lambda escape: chr(int(escape[1], 16)), raw, flags=re.IGNORECASE)


def clean_filename(raw: str) -> str:
    """The name to keep and show: NFC, without path, control and bidi characters, at most 255 bytes of UTF-8.

    A name that is cut keeps its extension; names that Windows reserves get a `_` in front (`_CON.txt`).
    Cleaning a clean name changes nothing.

    Raises:
        InvalidFilename: nothing is left, or the text holds a lone surrogate.
    """
    if any("\ud800" <= character <= "\udfff" for character in raw):
        raise InvalidFilename("The file's name is not valid Unicode; rename the file.")
    name = unicodedata.normalize("NFC", "".join(filter(_is_kept, raw)))
    name = re.split(r"[/\\]", name)[-1]
    if stream := _ALTERNATE_STREAM.search(name):
        name = name[: stream.start()]
    name = _stripped(name)
    if not name:
        raise InvalidFilename("The file has no usable name; rename the file.")
    # Again after the cut, which may leave a reserved name of what was longer.
    return _unreserved(_within(_unreserved(name), MAX_FILENAME_BYTES))


def split_extension(filename: str) -> tuple[str, str]:
    """Stem and extension without the dot: `("a.tar", "gz")`, `("README", "")`, `("", "gitignore")`."""
    stem, dot, extension = filename.rpartition(".")
    return (stem, extension) if dot else (filename, "")


def clean_folder(raw: str) -> str:
    """The folder in NFC, empty for the root.

    Segments are made of letters and digits of any script, `_`, `-`, `.` and inner spaces, and joined by `/`;
    at most 32 of them and 512 bytes of UTF-8. Nothing is repaired: two spellings never mean one folder.

    Raises:
        InvalidFolder: anything else: an empty segment, one of dots and spaces only, a leading or trailing slash.
    """
    if not raw:
        return ""
    if len(raw) > MAX_FOLDER_BYTES:
        raise InvalidFolder(f"The folder is too long; at most {MAX_FOLDER_BYTES} bytes of UTF-8.")
    if any("\ud800" <= character <= "\udfff" for character in raw):
        raise InvalidFolder
    folder = unicodedata.normalize("NFC", raw)
    segments = folder.split("/")
    if len(folder.encode()) > MAX_FOLDER_BYTES or len(segments) > MAX_FOLDER_DEPTH:
        raise InvalidFolder(
            f"The folder is too long or too deep; at most {MAX_FOLDER_BYTES} bytes and {MAX_FOLDER_DEPTH} levels."
        )
    if not all(map(_is_segment, segments)):
        raise InvalidFolder
    return folder


def _is_kept(character: str) -> bool:
    if unicodedata.category(character) in _REMOVED:
        return character in _JOINERS or character in _VISIBLE_FORMAT
    return not _NONCHARACTER.match(character)


def _stripped(name: str) -> str:
    """Without the spaces around and the dots at the end, which Windows drops, nor joiners that join nothing."""
    end = len(name)
    while end and (name[end - 1] == "." or name[end - 1].isspace() or name[end - 1] in _JOINERS):
        end -= 1
    start = 0
    while start < end and (name[start].isspace() or name[start] in _JOINERS):
        start += 1
    return name[start:end]


def _unreserved(name: str) -> str:
    return f"_{name}" if _RESERVED_ON_WINDOWS.fullmatch(name.partition(".")[0].rstrip()) else name


def _within(name: str, limit: int) -> str:
    """The name cut to so many bytes of UTF-8, before its extension and never inside a character."""
    if len(name.encode()) <= limit:
        return name
    stem, extension = split_extension(name)
    ending = f".{extension}" if extension and stem else ""
    if not 0 < len(ending.encode()) <= _MAX_EXTENSION_BYTES:
        stem, ending = name, ""
    kept = stem.encode()[: limit - len(ending.encode())].decode(errors="ignore")
    kept = kept[: _character_boundary(stem, len(kept))]
    return kept + ending if ending else _stripped(kept)


def _character_boundary(text: str, at: int) -> int:
    """A place not after `at` that tears no accent from its letter and no emoji apart."""
    for boundary in range(at, max(at - _MOST_MARKS_DROPPED, 0), -1):
        before, after = text[boundary - 1], text[boundary : boundary + 1]
        joins = after and (unicodedata.category(after).startswith("M") or after in _JOINERS or before == "\u200d")
        if not joins:
            return boundary
    return at


def _is_segment(segment: str) -> bool:
    if not segment.strip(". ") or segment != segment.strip(" "):
        return False
    if unicodedata.category(segment[0]).startswith("M"):  # a mark with no letter to stand on
        return False
    return all(
        character in "_-. " or unicodedata.category(character)[0] in "LM" or unicodedata.category(character) == "Nd"
        for character in segment
    )
