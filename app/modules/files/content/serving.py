"""Which types a browser may show in place, instead of saving them."""

from __future__ import annotations

from typing import Final

from app.modules.files.content.table import canonical

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


def is_inline_safe(media_type: str) -> bool:
    """Whether `Content-Disposition: inline` may be used for this type, whatever its parameters."""
    return canonical(media_type) in INLINE_TYPES
