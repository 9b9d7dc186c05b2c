"""Mislabelled files, each with its answer: the code of the refusal, or the stored type and what a browser does then."""

from __future__ import annotations

from tests import samples
from tests.samples import polyglots

NAME = "extension_not_allowed"
TYPE = "content_type_not_allowed"
OTHER = "content_type_mismatch"
DOCX = f"{samples.OOXML}.wordprocessingml.document"
XLSX = f"{samples.OOXML}.spreadsheetml.sheet"
SVG = ("image/svg+xml", "saves")
SHOWN_TEXT = ("text/plain", "shows")
ARCHIVE = ("application/zip", "saves")
UNKNOWN = ("application/octet-stream", "saves")

# What it is: its name, its bytes (or what makes them, where they are large), and the answer. Where one format's rules
# allow a second one within, the file is what its name says, and the headers see to it that nothing else is made of it.
FILES = {
    # Pictures that are something else as well.
    "GIF and script": ("a.gif", samples.gif_script_polyglot(), ("image/gif", "shows")),
    "GIF and script as script": ("a.js", samples.gif_script_polyglot(), NAME),
    "GIF and script as text": ("a.txt", samples.gif_script_polyglot(), OTHER),
    "GIF and JAR": ("a.gif", polyglots.gif_jar(), ("image/gif", "shows")),
    "GIF and JAR as an archive": ("a.zip", polyglots.gif_jar(), OTHER),
    "PNG and a page behind it": ("a.png", polyglots.png_html(), ("image/png", "shows")),
    "PNG and a page within": ("a.png", polyglots.png_with_html_inside(), ("image/png", "shows")),
    "PNG and a page, as a page": ("a.png.html", polyglots.png_html(), NAME),
    "eight bytes of PNG, then a page": ("a.png", b"\x89PNG\r\n\x1a\n" + samples.HTML, OTHER),
    "JPEG and PHP": ("a.jpg", polyglots.jpeg_php(), ("image/jpeg", "shows")),
    "JPEG and PHP for Apache": ("a.php.jpg", polyglots.jpeg_php(), NAME),
    "MP4 and a page": ("a.mp4", samples.mp4() + samples.HTML, ("video/mp4", "shows")),
    # Documents.
    "PDF and ZIP": ("a.pdf", polyglots.pdf_zip(), ("application/pdf", "shows")),
    "PDF and ZIP as an archive": ("a.zip", polyglots.pdf_zip(), OTHER),
    "PDF within a ZIP's front": ("a.zip", samples.plain_zip(prefix=samples.pdf()), OTHER),
    "PDF behind a page": ("a.pdf", polyglots.pdf_html(), ("application/pdf", "shows")),
    "PDF behind a page, as text": ("a.txt", polyglots.pdf_html(), OTHER),
    "PDF with script, kept in the viewer's sandbox": ("a.pdf", polyglots.pdf_script(), ("application/pdf", "shows")),
    "Word with macros as Word without": ("a.docx", samples.docm(), OTHER),
    "macros under a name in capitals": ("a.docx", polyglots.docx_with("WORD/VBAPROJECT.BIN", b"x"), OTHER),
    "macros behind a backslash": ("a.docx", polyglots.docx_with("word\\vbaProject.bin", b"x"), OTHER),
    "Word with macros as old Word": ("a.doc", samples.docm(), OTHER),
    "Word with macros by its name": ("a.docm", samples.docm(), NAME),
    "Word with macros as an archive, which opens nothing": ("a.zip", samples.docm(), ARCHIVE),
    "Excel with macros as Excel without": ("a.xlsx", samples.xlsm(), OTHER),
    "binary Excel as Excel": ("a.xlsx", samples.xlsb(), OTHER),
    "an installer as Word": ("a.doc", samples.msi(), OTHER),
    "a letter whose XML is a bomb: never opened here": (
        "a.docx", polyglots.docx_with("word/footer1.xml", polyglots.entity_bomb()), (DOCX, "saves")
    ),
    # Pages in disguise.
    "a page as text": ("a.txt", samples.HTML, OTHER),
    "a page as a table": ("a.csv", samples.HTML, OTHER),
    "a page as JSON": ("a.json", samples.HTML, OTHER),
    "a page as a picture": ("a.gif", samples.HTML, OTHER),
    "a page of no name's type": ("a.bin", samples.HTML, TYPE),
    "a page behind 5,000 spaces": ("a.txt", b" " * 5000 + samples.HTML, OTHER),
    "a page behind a comment": ("a.txt", b"<!-- notes -->\n" + samples.HTML, OTHER),
    "a page behind a byte order mark": ("a.txt", b"\xef\xbb\xbf" + samples.HTML, OTHER),
    "a page in UTF-16": ("a.txt", samples.HTML.decode().encode("utf-16"), OTHER),
    "a page in UTF-16 without a mark": ("a.txt", samples.HTML.decode().encode("utf-16-le"), OTHER),
    "a page in UTF-16, unmarked, unnamed": ("a.bin", samples.HTML.decode().encode("utf-16-le"), UNKNOWN),
    "a page in UTF-32": ("a.txt", samples.HTML.decode().encode("utf-32"), OTHER),
    "a page in UTF-7, which is text to everybody": ("a.txt", polyglots.utf7_html(), SHOWN_TEXT),
    "a page behind words, which is text with nosniff": ("a.txt", b"words\n" + samples.HTML, SHOWN_TEXT),
    "an HTML application as text": ("a.txt", polyglots.hta(), SHOWN_TEXT),
    "an HTML application by its name": ("a.hta", polyglots.hta(), NAME),
    "a saved page as text": ("a.txt", polyglots.mhtml(), SHOWN_TEXT),
    "a saved page by its name": ("a.mht", polyglots.mhtml(), NAME),
    "XHTML as text": ("a.txt", b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>', OTHER),
    "a style sheet of XML": ("a.xsl", b'<?xml version="1.0"?><xsl:stylesheet/>', NAME),
    "Flash as a picture": ("a.gif", polyglots.flash(), OTHER),
    "Flash of no name's type": ("a.bin", polyglots.flash(), UNKNOWN),
    "a table with a command": ("a.csv", b"=cmd|' /C calc'!A0,1\n", ("text/csv", "saves")),
    "JSON with a page within": ("a.json", b'{"a": "</script><script>1</script>"}', ("application/json", "saves")),
    # Drawings: taken here since the suite allows them by name, never shown in place.
    "SVG with script": ("a.svg", polyglots.active_svg("><script>alert(1)</script>"), SVG),
    "SVG with a handler": ("a.svg", polyglots.active_svg('onload="alert(1)">'), SVG),
    "SVG with a page": ("a.svg", polyglots.active_svg("><foreignObject><body onload='run()'/></foreignObject>"), SVG),
    "SVG with a link that runs": ("a.svg", polyglots.active_svg('><a xlink:href="javascript:alert(1)"/>'), SVG),
    "SVG with a style sheet": ("a.svg", polyglots.active_svg("><style>@import url(//evil.example)</style>"), SVG),
    "SVG with script in UTF-16": ("a.svg", samples.svg(after="<script>1</script>").decode().encode("utf-16"), SVG),
    "SVG with entities": ("a.svg", polyglots.entity_bomb(b"svg"), TYPE),
    "SVG that reads a file": ("a.svg", polyglots.external_entity(), TYPE),
    "SVG as a picture of pixels": ("a.png", samples.svg(), OTHER),
    "SVG as text": ("a.txt", samples.svg(), OTHER),
    "a page as SVG": ("a.svg", samples.HTML, OTHER),
    "a packed SVG": ("a.svg", samples.gzip(samples.svg()), OTHER),
    "a packed SVG by its name": ("a.svgz", samples.gzip(samples.svg()), NAME),
    "a billion laughs as text": ("a.txt", polyglots.entity_bomb(), SHOWN_TEXT),
    # Programs.
    "a program as text": ("a.txt", samples.pe(), OTHER),
    "a program as an archive": ("a.zip", samples.pe(), OTHER),
    "a program of no name's type": ("a.bin", samples.elf(), TYPE),
    "a program with a document's name in front": ("a.pdf.exe", samples.pe(), NAME),
    "a shell's script as text": ("a.txt", b"#!/bin/sh\nrm -rf /\n", OTHER),
    "PHP as text": ("a.txt", polyglots.PHP, OTHER),
    "PHP as a picture": ("a.jpg", polyglots.PHP, OTHER),
    "JAR as an archive": ("a.zip", samples.jar(), OTHER),
    "APK as an archive": ("a.zip", samples.apk(), OTHER),
    # Bombs: nothing is ever unpacked, so they are archives like others, and not what they are named like.
    "42.zip": ("a.zip", polyglots.nested_bomb, ARCHIVE),
    "64 MiB of zeros in 64 KiB": ("a.zip", samples.zip_bomb, ARCHIVE),
    "60,000 entries that overlap": ("a.zip", polyglots.overlapping_bomb, ARCHIVE),
    "200,000 entries": ("a.zip", polyglots.crowded_zip, ARCHIVE),
    "four billion entries, it says": ("a.zip", polyglots.boastful_zip(), ARCHIVE),
    "42.zip as a letter": ("a.docx", polyglots.nested_bomb, OTHER),
    "60,000 entries as a letter": ("a.docx", polyglots.overlapping_bomb, OTHER),
}  # fmt: skip

# What somebody may declare besides: the name, the bytes, the declared type, and the answer.
DECLARED = [
    ("a.pdf", samples.pdf(), "text/html", TYPE),
    ("a.pdf", samples.pdf(), "image/png", OTHER),
    ("a.txt", b"words", "text/html", TYPE),
    ("a.txt", b"words", "text/html;charset=utf-7", TYPE),
    ("a.txt", b"words", "image/svg+xml", OTHER),
    ("a.txt", b"words", "application/xhtml+xml", TYPE),
    ("a.txt", b"words", "text/javascript", TYPE),
    ("a.png", samples.png(), "image/svg+xml", OTHER),
    ("a.txt", b"words", "text/plain\x00/html", SHOWN_TEXT),
    ("a.txt", b"words", "text/plain; charset=utf-7", SHOWN_TEXT),
    ("a.txt", b"words", "text/plain, text/html", SHOWN_TEXT),
    ("a.txt", b"words", "no type at all", SHOWN_TEXT),
    ("a.bin", bytes(range(256)), "text/html", TYPE),
    ("a.bin", bytes(range(256)), "unknown/unknown", UNKNOWN),
    ("a.bin", bytes(range(256)), "multipart/related", UNKNOWN),
    ("a.json", b"{}", "text/html", TYPE),
    ("a.docx", samples.docx(), "application/vnd.ms-word.document.macroEnabled.12", TYPE),
]
