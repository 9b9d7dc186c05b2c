"""Whether bytes are text, and which text must not pass as just text: pages, scripts, SVG, XML."""

from __future__ import annotations

import codecs
import re
from typing import Final

from app.modules.files.content.media_types import HTML, PHP, SERVER_PAGE, SHELL_SCRIPT, SVG, TEXT, XML
from app.modules.files.content.words import words

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What text holds besides tab and line ends: bell, backspace and escape in logs, SUB at the end of DOS files.
_CONTROLS: Final = re.compile(r"[\x00-\x06\x0e-\x19\x1c-\x1f\x7f]")
# Less in 8-bit encodings, where nothing else tells text from binary.
_CONTROL_BYTES: Final = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")

_SHEBANG: Final = re.compile(r"#![ \t]*/(?:[^\s/]*/)*([a-z]+)[0-9.]*(?:[ \t]+(?:-\S+[ \t]+)?([a-z]+))?", re.IGNORECASE)
_INTERPRETERS: Final = {"python": "text/x-python", "node": "text/javascript", "php": PHP}
_TAG: Final = re.compile(r"<(?:[A-Za-z_][\w.-]{0,63}:)?([A-Za-z_][\w.-]{0,63})(?=[\s/>]|\Z)")
_SPACE: Final = re.compile(r"\s*")
_DOCTYPE: Final = re.compile(r"<!doctype\b", re.IGNORECASE)
_PAGE_DOCTYPE: Final = re.compile(r"<!doctype(?:\s+html\b|\s*>)", re.IGNORECASE)
_XHTML: Final = "http://www.w3.org/1999/xhtml"

# The tags by which browsers recognise a page (WHATWG MIME sniffing), and a few more that start fragments.
_PAGE_TAGS: Final = words(
    "html head body script iframe title style meta link base frameset object embed form input button"
    " applet video audio marquee math template noscript"
)
_FRAGMENT_TAGS: Final = words(
    "h1 h2 h3 h4 h5 h6 div font table a b br p i u em strong center span img picture details ul ol li hr sub sup"
    " pre kbd code blockquote"
)
_ACTIVE_PARTS: Final = re.compile(
    r"<(?:script|iframe|object|embed|form|meta|link|base|svg|math|style)\b|\bon[a-z]{3,30}[ \t]*=|javascript:",
    re.IGNORECASE,
)


def decode(head: bytes) -> str | None:
    """The text of bytes in UTF-8, or in UTF-16 or UTF-32 with a byte order mark; None if they are none.

    A character cut in two by the end of `head` is left out.
    """
    encoding = next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return None
    return None if _CONTROLS.search(text) else text.removeprefix("\ufeff")


def is_text(head: bytes) -> bool:
    """Whether the bytes may be text in any encoding that is known here."""
    return decode(head) is not None or is_legacy_text(head)


def is_legacy_text(head: bytes) -> bool:
    """Whether the bytes may be text in an 8-bit encoding or Shift-JIS, GBK and the like: no control bytes."""
    return not _CONTROL_BYTES.search(head.removesuffix(b"\x1a"))


def classify(text: str) -> str:
    """What kind of text: by how it begins, since that is what makes a browser, shell or server run it."""
    start = text.lstrip("\ufeff \t\r\n\f\v\x00")
    if shebang := _SHEBANG.match(start):
        program, argument = (shebang[1] or "").lower(), (shebang[2] or "").lower()
        return _INTERPRETERS.get(argument if program == "env" else program, SHELL_SCRIPT)
    if not start.startswith("<"):
        return TEXT
    if start.startswith("<%"):
        return SERVER_PAGE
    if start.startswith("<?") and start[2:5].lower() != "xml":
        return PHP
    return _markup(start)


def is_harmless_fragment(text: str) -> bool:
    """Whether text that `classify` calls HTML is what Markdown files begin with: `<p align="center">`, `<img …>`.

    Nothing in it may run: no script, frame, handler or `javascript:` anywhere in the window.
    """
    tag = _TAG.match(text.lstrip())
    return tag is not None and tag[1].lower() in _FRAGMENT_TAGS and not _ACTIVE_PARTS.search(text)


def _markup(text: str) -> str:
    at, has_declaration = _skip_prologue(text)
    # -1: a comment or doctype longer than the window hides the rest, which is taken for the worst.
    if at < 0 or _PAGE_DOCTYPE.match(text, at):
        return HTML
    tag = _TAG.match(text, at)
    if tag is None:
        return XML if has_declaration else TEXT
    name = tag[1].lower()
    is_page = name == "html" or _XHTML in text[at : at + 1024]
    # In a document that says it is XML, <table> or <title> are words of some other vocabulary.
    is_page = is_page or (not has_declaration and name in _PAGE_TAGS | _FRAGMENT_TAGS)
    return SVG if name == "svg" else HTML if is_page else XML


def _skip_prologue(text: str) -> tuple[int, bool]:
    """Where the first element (or the doctype of a page) begins, and whether an XML declaration or doctype came first.

    -1 where a comment, instruction or doctype doesn't end within the text.
    """
    at, is_declared = 0, False
    while True:
        at = _end_of_space(text, at)
        if text.startswith("<?", at):
            is_declared = True
            end = text.find("?>", at)
            width = 2
        elif text.startswith("<!--", at):
            end = text.find("-->", at + 2)
            width = 3
        elif _DOCTYPE.match(text, at) and not _PAGE_DOCTYPE.match(text, at):
            is_declared = True
            end, width = _doctype_end(text, at), 1
        else:
            return at, is_declared
        if end < 0:
            return -1, is_declared
        at = end + width


def _end_of_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _doctype_end(text: str, at: int) -> int:
    close, bracket = text.find(">", at), text.find("[", at)
    if bracket < 0 or close < bracket:
        return close
    subset_end = text.find("]", bracket)
    return text.find(">", subset_end) if subset_end >= 0 else -1
