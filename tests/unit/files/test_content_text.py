"""Text, markup and SVG (cases 65, 66, 67, 95)."""

from __future__ import annotations

import re
import time

import pytest

from app.modules.files.content import HEAD_BYTES, detect
from app.modules.files.content.detect import EMPTY
from tests import samples


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'<!DOCTYPE svg [<!ENTITY a "aaaa">]>' + samples.svg(), "entities"),
        (b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + samples.svg(), "entities"),
        (b"  " + samples.svg('<?xml version="1.0"?>'), "well-formed"),
        (b"<svg width=1>", "well-formed"),
        (b'<svg xmlns="urn:other"/>', "root element"),
        (b"<svg", "ends before|well-formed"),
        ('<svg xmlns="http://www.w3.org/2000/svg"><text>é</text></svg>'.encode("latin-1"), "UTF-8"),
    ],
)
def test_svg_that_no_parser_should_see_is_named_as_such(content, problem):
    """Cases 66 and 95."""
    found = detect(content)
    assert found.media_type == "image/svg+xml"
    assert re.search(problem, found.problem)


def test_a_billion_laughs_is_refused_unread():
    """Case 95."""
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE svg [<!ENTITY l0 "ha">{levels}]>{samples.svg(after="&l11;").decode()}'.encode()
    started = time.perf_counter()
    assert "entities" in detect(bomb).problem
    assert time.perf_counter() - started < 0.1


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", EMPTY),
        (b"<!-- " + b"x" * HEAD_BYTES, "text/html"),
        (b"<!-- a --><!-- b -->\n<SCRIPT>1</SCRIPT>", "text/html"),
        (b"<!doctype HTML public '-//W3C//DTD HTML 4.01//EN'>", "text/html"),
        (b"<!DOCTYPE html>", "text/html"),
        (b"\n\n\xef\xbb\xbf<body onload=x>", "text/html"),
        (b'<?xml version="1.0"?><x:div xmlns:x="http://www.w3.org/1999/xhtml"/>', "text/html"),
        ("#include <stdio.h>\nint main(void) { return 0; } // é".encode("latin-1"), "text/plain"),
        (b"<?= $x ?>", "text/x-php"),
        (b"<? phpinfo(); ?>", "text/x-php"),
        (b"#!/usr/bin/env -S node --x\n", "text/javascript"),
        (b"#! /bin/bash\n", "text/x-shellscript"),
        (b"#!/usr/bin/php8.2\n", "text/x-php"),
        (b"#!important note", "text/plain"),
        (b"<3 you", "text/plain"),
        (b"<" * 70_000, "text/plain"),
        (b"caf\xc3", "text/plain"),
        (b"\x1b[31mred log\x1b[0m\n", "text/plain"),
        (b"old DOS text\r\n\x1a", "text/plain"),
        ("日本語のメモ".encode("shift-jis"), "text/plain"),
        ("a,b\n".encode("utf-16-le"), "application/octet-stream"),
        ("a,b\n".encode("utf-32"), "text/plain"),
        (b"\xff\xfea", "text/plain"),
        (b"text\x00text", "application/octet-stream"),
    ],
)
def test_text_is_judged_by_how_it_begins(content, expected):
    """Cases 65 and 67."""
    assert detect(content[:HEAD_BYTES]).media_type == expected


@pytest.mark.parametrize(
    "unit", [b" ", b"<!---->", b"<?x?>", b"#!/", b"#!/a/", b"<a:", b"<!DOCTYPE x>", b"<!doctype ["]
)
def test_hostile_repetition_stays_linear(unit):
    started = time.perf_counter()
    detect((unit * HEAD_BYTES)[:HEAD_BYTES])
    assert time.perf_counter() - started < 0.25
