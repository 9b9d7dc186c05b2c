"""The `Content-Disposition` of a download, for responses of our own and for presigned ones (RFC 6266, RFC 8187)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from anyascii import anyascii

from app.modules.files.names import split_extension

# Quotes and backslashes need escapes that clients get wrong, `%` is decoded by some, slashes are paths to others.
_UNSAFE: Final = re.compile(r"[^ !#$&'()+,.0-9;=@A-Z\[\]^_`a-z{}~-]+")


def content_disposition(filename: str, *, attachment: bool) -> str:
    """A header value of printable ASCII: a name that every client can read, and the true one for all recent ones."""
    kind = "attachment" if attachment else "inline"
    exact = quote(filename, safe="", errors="replace")
    return f"{kind}; filename=\"{_fallback(filename)}\"; filename*=UTF-8''{exact}"


def _fallback(filename: str) -> str:
    stem, extension = split_extension(filename)
    plain_stem, plain_extension = (_UNSAFE.sub("_", anyascii(part)).strip() for part in (stem, extension))
    name = plain_stem or "download"
    # What was made plain is no suffix: a mark in front of it, say, would have hidden `.bat` from everybody but curl.
    if plain_extension != extension:
        plain_extension += "_"
    return f"{name}.{plain_extension}" if plain_extension else name
