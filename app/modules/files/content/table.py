"""Look-ups in the table of formats: canonical names, what an extension may be, what is never taken unasked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from app.modules.files.content.formats import FORMATS, Format
from app.modules.files.content.media_types import UNKNOWN

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_CANONICAL: Final = {alias: row.media_type for row in FORMATS for alias in (*row.aliases, row.media_type)}
_KNOWN: Final = frozenset(row.media_type for row in FORMATS)
_BY_EXTENSION: Final[dict[str, tuple[Format, ...]]] = {
    extension: tuple(row for row in FORMATS if extension in row.extensions)
    for extension in {extension for row in FORMATS for extension in row.extensions}
}
_FAMILY: Final = {row.media_type: row.family for row in FORMATS}

# A program for some computer, or a page that a browser runs on the origin it is served from.
DENIED_MEDIA_TYPES: Final = frozenset(row.media_type for row in FORMATS if row.family in {"program", "active"})


def canonical(media_type: str) -> str:
    """The one name of a media type: lower-case, without parameters, aliases resolved; empty if malformed."""
    bare = media_type.partition(";")[0].strip().lower()
    bare = _CANONICAL.get(bare, bare)
    return bare if _MEDIA_TYPE.fullmatch(bare) else ""


def is_known(media_type: str) -> bool:
    """Whether a canonical name stands in the table."""
    return media_type in _KNOWN


def family_of(media_type: str) -> str | None:
    """The family of a canonical name, None if it isn't in the table."""
    return _FAMILY.get(media_type)


def formats_of(extension: str) -> tuple[Format, ...]:
    """All that a file with this extension (lower-case, no dot) may be, likeliest first; empty if unknown."""
    return _BY_EXTENSION.get(extension, ())


def media_types_of(extensions: Iterable[str]) -> frozenset[str]:
    """The media types that a list of extensions stands for: the default of `S3_ALLOWED_MIME_TYPES`.

    `*` gives `*`. An extension that the table doesn't know gives `application/octet-stream`, under which
    such files are stored; the empty one (files without extension) adds nothing.
    """
    found: set[str] = set()
    for extension in extensions:
        rows = formats_of(extension)
        if extension == "*":
            found.add("*")
        elif rows:
            found.update(row.media_type for row in rows)
        elif extension:
            found.add(UNKNOWN)
    return frozenset(found)
