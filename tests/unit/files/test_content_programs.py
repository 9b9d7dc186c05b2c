"""Programs are never anything else: each beginning of one under each name that may be allowed."""

from __future__ import annotations

import pytest

from app.config import StoreSettings
from app.modules.files.content import HEAD_BYTES, TAIL_BYTES, ContentPolicy, Middle, detect, needs_tail
from app.modules.files.content.formats import FORMATS
from app.modules.files.content.table import family_of
from app.modules.files.exceptions import ContentTypeMismatch, ContentTypeNotAllowed
from tests import samples
from tests.samples.programs import (
    BEGINNINGS,
    CLAIMS,
    PROGRAM_ENTRIES,
    before_pdf,
    before_tar,
    claiming_zip,
    crowded_jar,
    installer,
    zip_with_jar_inside,
)

PROGRAM_FAMILIES = {"program", "active"}
# Text is what its name says: a program that is nothing but text may be what the operator allows as text.
TEXTS = {name for row in FORMATS if row.family == "text" for name in row.extensions}
HARMLESS = sorted({name for row in FORMATS if row.family not in PROGRAM_FAMILIES for name in row.extensions} - TEXTS)
ALLOWING = ContentPolicy.from_settings((*HARMLESS, *StoreSettings.model_fields["allowed_extensions"].default), ())
DISGUISES = {"bare": bytes, "before a PDF": before_pdf, "before a tar": before_tar}
WANTED = {
    "wasm": "WebAssembly",
    "dex": "Dalvik",
    "pyc": "Python bytecode",
    "deb": "package of Debian",
    "rpm": "package of RPM",
    "pkg": "package of macOS",
    "crx": "extension of Chrome",
    "chm": "compiled help",
    "jar": "JAR",
    "apk": "APK",
    "msix": "package of Windows",
    "xpi": "extension of Firefox",
    "ipa": "application of iOS",
    "vsix": "extension of Visual Studio",
}
REFUSED = (ContentTypeMismatch, ContentTypeNotAllowed)


def judge(name: str, content: bytes, *, policy: ContentPolicy = ALLOWING, piece_bytes: int = 100_000) -> str:
    """As an upload does it: by the head, then by the tail and what passed by in pieces."""
    head, middle = content[:HEAD_BYTES], Middle(content[:HEAD_BYTES])
    for at in range(0, len(content), piece_bytes):
        middle.look(at, content[at : at + piece_bytes])
    policy.judge(name, None, head, final=False)
    tail = content[-TAIL_BYTES:] if needs_tail(head) else None
    return policy.judge(name, None, head, tail=tail, size=len(content), middle=middle)


def is_taken(name: str, content: bytes, *, policy: ContentPolicy = ALLOWING) -> bool:
    try:
        judge(name, content, policy=policy)
    except REFUSED:
        return False
    return True


@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)
@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS)
def test_what_begins_as_a_program_is_taken_under_no_other_name(beginning, disguise):
    content = disguise(beginning)
    assert [extension for extension in HARMLESS if is_taken(f"a.{extension}", content)] == []


@pytest.mark.parametrize("names", PROGRAM_ENTRIES.values(), ids=PROGRAM_ENTRIES)
@pytest.mark.parametrize("claim", [*CLAIMS.values(), "nothing"])
def test_a_container_of_a_program_is_taken_under_no_other_name(claim, names):
    content, policy = claiming_zip(claim, *names), ContentPolicy.from_settings((*HARMLESS, "bin"), ())
    assert [name for name in (*HARMLESS, "bin") if is_taken(f"a.{name}", content, policy=policy)] == []


@pytest.mark.parametrize("piece_bytes", [100, 4_096, 10**9])
@pytest.mark.parametrize("content", [crowded_jar(), installer()], ids=["JAR", "installer"])
def test_what_only_the_middle_tells_is_seen_however_the_bytes_arrive(content, piece_bytes):
    with pytest.raises(REFUSED):
        judge("a.zip" if content.startswith(b"PK") else "a.doc", content, piece_bytes=piece_bytes)


@pytest.mark.parametrize("content", [crowded_jar(), installer()], ids=["JAR", "installer"])
def test_the_span_of_the_middle_is_enough(content):
    """As a direct upload is looked at: by ranges."""
    head, tail, middle = content[:HEAD_BYTES], content[-TAIL_BYTES:], Middle(content[:HEAD_BYTES])
    first, last = middle.span(tail, len(content))
    assert last - first < 400_000
    middle.look(first, content[first : last + 1])
    middle.look(len(content) - len(tail), tail)
    assert family_of(detect(head, tail=tail, size=len(content), middle=middle).media_type) == "program"


def test_an_archive_of_programs_is_an_archive():
    assert judge("a.zip", zip_with_jar_inside()) == "application/zip"
    assert judge("a.zip", samples.plain_zip("src/AndroidManifest.xml", "lib/tool.jar")) == "application/zip"
    assert judge("a.doc", samples.doc(padding_sectors=2_000) + bytes(300_000)) == "application/msword"


@pytest.mark.parametrize(
    "junk", [b"mail header\r\n\r\n", b"\x1b%-12345X@PJL\r\n", b"<p>HTTP/1.1 200</p>\n", b"<?xml?>\n"]
)
def test_a_document_behind_junk_that_is_no_program_is_a_document(junk):
    assert judge("a.pdf", samples.pdf(junk)) == "application/pdf"


@pytest.mark.parametrize(
    "content", [b"MZ;BM;ID3\n1;2;3\n", b"FWS is a word\n", b"@echo off\n", b"[Desktop Entry]\n", b"xar! dex\n"]
)
def test_a_text_may_begin_with_any_word(content):
    policy = ContentPolicy.from_settings(("txt", "csv"), ())
    assert judge("a.txt", content, policy=policy) == "text/plain"


def test_who_names_the_extension_of_a_program_gets_programs():
    for extension, kind in WANTED.items():
        content = BEGINNINGS.get(kind) or claiming_zip("application/epub+zip", *PROGRAM_ENTRIES[kind])
        policy = ContentPolicy.from_settings((extension,), ())
        assert family_of(judge(f"a.{extension}", content, policy=policy)) == "program"
    assert judge("a.msi", installer(), policy=ContentPolicy.from_settings(("msi",), ())) == "application/x-msi"
