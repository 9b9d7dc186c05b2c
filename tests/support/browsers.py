"""What a browser does with an answer, by its headers: WHATWG's Fetch and MIME Sniffing, as far as files matter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

Doing = Literal["runs", "shows", "saves"]
# Pages, drawings and style sheets of XML: their script runs on the origin that served them.
SCRIPTABLE = re.compile(
    r"text/(?:html|xml|xsl|css|javascript|ecmascript)|multipart/.*|.*\+xml|application/(?:xml|xhtml.*"
    r"|(?:x-)?javascript|ecmascript|x-shockwave-flash|hta|x-mspublisher)|message/rfc822|.*/.*html.*"
)
# What is no type to a browser: it looks at the bytes, and may find a page there.
SNIFFED = frozenset({"", "unknown/unknown", "application/unknown", "*/*"})
SHOWN = re.compile(r"image/.*|audio/.*|video/.*|text/plain|application/pdf")


def what_a_browser_does(headers: Mapping[str, str]) -> Doing:
    """When somebody opens the address: `runs` what the file holds, `shows` it without, or `saves` it."""
    disposition = headers.get("content-disposition", "").partition(";")[0].strip().lower()
    if disposition not in {"", "inline"}:
        return "saves"
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type in SNIFFED or SCRIPTABLE.fullmatch(media_type):
        return "runs"
    return "shows" if SHOWN.fullmatch(media_type) else "saves"


def may_be_a_script_elsewhere(headers: Mapping[str, str]) -> bool:
    """Whether `<script src>` or `<link rel=stylesheet>` of another page could take it: not with `nosniff`."""
    return headers.get("x-content-type-options", "").lower() != "nosniff"
