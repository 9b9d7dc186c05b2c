"""Which types a browser may show in place, and which it isn't even told of where it might guess or run them."""

from __future__ import annotations

import re
from typing import Final

from app.modules.files.content.media_types import SVG, UNKNOWN
from app.modules.files.content.table import canonical, family_of

# Nothing here can run script on the origin that serves it: PDF viewers keep a document's script in a sandbox
# of their own, and text/plain is safe as long as it goes out with `nosniff`. SVG, HTML and XML never join.
INLINE_TYPES: Final = frozenset(
    {
        "application/pdf",
        "audio/aac",
        "audio/flac",
        "audio/mp4",
        "audio/mpeg",
        "audio/ogg",
        "audio/wav",
        "audio/webm",
        "image/avif",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "text/plain",
        "video/mp4",
        "video/ogg",
        "video/quicktime",
        "video/webm",
    }
)

# The store sends no `nosniff`: what runs as script, style or page under its own name goes out under none. Drawings
# keep theirs: pages show them as pictures, where nothing in them runs, and no script may be of type `image/*`.
_ACTIVE: Final = re.compile(
    r"multipart/.*|message/.*|.*[+/]xml|.*[+/]html|.*(?:java|ecma|j|live)script.*|text/(?:css|xsl)"
)


def is_inline_safe(media_type: str) -> bool:
    """Whether `Content-Disposition: inline` may be used for this type, whatever its parameters."""
    return canonical(media_type) in INLINE_TYPES


def presigned_type(media_type: str) -> str:
    """The type under which the store itself sends a file, where none of our headers protects who opens it."""
    name = canonical(media_type)
    if name in INLINE_TYPES or name == SVG:
        return media_type
    return UNKNOWN if family_of(name) == "active" or _ACTIVE.fullmatch(name) else media_type
