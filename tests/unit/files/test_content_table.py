"""The table of formats, and what may be shown inline (cases 58, 68)."""

from __future__ import annotations

import pytest

from app.modules.files.content import INLINE_TYPES, canonical, is_inline_safe, media_types_of
from app.modules.files.content.formats import FORMATS
from app.modules.files.content.table import DENIED_MEDIA_TYPES, formats_of


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.media_type)
def test_the_table_holds_together(row):
    """Case 68: each alias leads to its one canonical name."""
    assert all(canonical(name) == row.media_type for name in (*row.aliases, row.media_type))
    assert all(canonical(found) == found for found in (*row.found_as, *row.declared_as))
    assert all(extension == extension.lower().lstrip(".") for extension in row.extensions)
    assert row in formats_of(row.extensions[0])


def test_canonical_names_are_bare():
    assert canonical(" Image/JPG ; q=1") == "image/jpeg"
    assert canonical("video/x-unheard-of") == "video/x-unheard-of"
    assert canonical("text/html\r\nX: y") == ""
    assert canonical("*/*") == ""


def test_default_media_types_are_those_of_the_extensions():
    assert media_types_of(["jpg", "jpeg", "ogg"]) == {"image/jpeg", "audio/ogg", "video/ogg"}
    assert media_types_of(["unheard"]) == {"application/octet-stream"}
    assert media_types_of(["", "*"]) == {"*"}


@pytest.mark.parametrize(
    "media_type",
    [
        "text/html",
        "image/svg+xml",
        "application/xhtml+xml",
        "text/xml",
        "application/xml",
        "text/javascript",
        "image/svg",
        "application/octet-stream",
        "text/csv; charset=utf-8",
        "application/x-shockwave-flash",
        "message/rfc822",
        "junk",
        "",
    ],
)
def test_what_a_browser_would_run_or_guess_is_never_shown_inline(media_type):
    """Case 58."""
    assert not is_inline_safe(media_type)


def test_inline_types_are_canonical_and_harmless():
    """Case 58."""
    assert is_inline_safe("image/jpg")
    assert is_inline_safe("Text/Plain; charset=utf-8")
    assert all(canonical(media_type) == media_type for media_type in INLINE_TYPES)
    assert not INLINE_TYPES & DENIED_MEDIA_TYPES
