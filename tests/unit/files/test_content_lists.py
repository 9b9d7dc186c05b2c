"""The operator's lists and the deny-list, by name and declared type (cases 41, 58, 65)."""

from __future__ import annotations

import pytest

from app.config import StoreSettings
from app.modules.files.content import HEAD_BYTES, TAIL_BYTES, ContentPolicy, needs_tail
from app.modules.files.exceptions import ContentTypeMismatch, ContentTypeNotAllowed, EmptyFile, ExtensionNotAllowed
from tests import samples
from tests.samples import SAMPLES

DEFAULT = ContentPolicy.from_settings(StoreSettings.model_fields["allowed_extensions"].default, ())
ANYTHING = ContentPolicy.from_settings(("*",), ())


def allowing(*extensions: str, types: tuple[str, ...] = ()) -> ContentPolicy:
    return ContentPolicy.from_settings(extensions, types)


def judge(policy: ContentPolicy, name: str, content: bytes, declared: str | None = None) -> str:
    """As an upload does it: by name, by the head, and by the tail where that is needed."""
    policy.check_declared(name, declared)
    head = content[:HEAD_BYTES]
    first = policy.judge(name, declared, head, final=False)
    tail = content[-TAIL_BYTES:] if needs_tail(head) else None
    final = policy.judge(name, declared, head, tail=tail, size=len(content))
    assert first == final, "the store is told the type before the end is seen"
    return final


@pytest.mark.parametrize(
    "name",
    [
        "a.exe", "a.EXE", "a.exe.", "a.exe . ", "a.php::$DATA", "a.exe::$DATA.pdf", "a.p\u200dhp.jpg",
        "a.php.jpg", "a.PHP5.jpg", "a.phtml.png", "a.cgi.pdf",
        "a.php .jpg", "a.php;.jpg", "a.php\u200d.jpg", "a.\uff50\uff48\uff50.jpg", "a.php:x.jpg", "README", "a.", "..",
        ".htaccess", "a.svg", "a.html", "a.jpg.js", "a.jar", "a.sh", "invoice\u202efdp.exe", "a.jsp", "a.md",
        "a.pdf/b.exe", "a.pdf\\b.exe", "a.shtml.txt", "a.phar.zip", "index.php~",
    ],
)  # fmt: skip
def test_names_that_somebody_would_run_are_refused(name):
    """Case 41."""
    with pytest.raises(ExtensionNotAllowed):
        DEFAULT.check_declared(name, None)


@pytest.mark.parametrize(
    "name",
    [
        "a.txt.\u0301bat", "a.txt._exe", "a.txt.$exe", "a.txt.(exe)", "a.txt.e_x_e", "a.txt.exe-", "a.txt.e$x$e",
        "a.txt.\u2800bat", "a.txt.\u3164bat", "a.txt.\U0001f600bat", "a.txt.b\u0301at", "a.txt.b\u0430t",
        "a.txt.\u24d4\u24e7\u24d4", "a.txt\u3002exe", "a.txt\uff0eexe", "a.txt\u2024exe", "a.txt\u06d4exe",
        "a.exe.()", "a.exe.\u6587", "a.exe:b.txt", "a.txt:b.exe", "a.txt.exe::$DATA", "a.asp;.txt",
        "a.txt.{00020420-0000-0000-C000-000000000046}", "a.ph\u0301p.txt", "a.p_h_p.txt", "a\u3002php.txt",
    ],
)  # fmt: skip
@pytest.mark.parametrize("policy", [DEFAULT, ANYTHING], ids=["the default list", "a star"])
def test_a_suffix_that_somebody_may_read_counts(policy, name):
    """Whoever cleans names drops odd characters, spells out foreign ones, and takes other dots for dots."""
    with pytest.raises(ExtensionNotAllowed):
        policy.check_declared(name, None)


@pytest.mark.parametrize("policy", [DEFAULT, ANYTHING], ids=["the default list", "a star"])
@pytest.mark.parametrize(
    "name",
    [
        "Q3 r\xe9sum\xe9.pdf", "report (1).pdf", "v1.2 final.txt", "O'Brien.csv", "archive.tar.zip",
        "\U0001f389 party \U0001f469\u200d\U0001f467.png", "\u062a\u0642\u0631\u064a\u0631.pdf",
        "\u0e23\u0e32\u0e22\u0e07\u0e32\u0e19\u0e1b\u0e23\u0e30\u0e08\u0e33\u0e1b\u0e35.pdf",
        "\u0935\u093e\u0930\u094d\u0937\u093f\u0915.pdf", "\u5199\u771f\u30fb\u6700\u7d42\u3002.jpg",
        "10:30 notes.txt", "Re: budget; final.xlsx", "example.com: report.pdf", "example.com\uff1areport.pdf",
        "Pro.ASP.NET.pdf", "holiday.com.pdf", "jquery.min.js.txt", "setup.exe.zip", "C++ notes.txt", "a.txt~",
    ],
)  # fmt: skip
def test_names_that_people_give_pass(policy, name):
    """Case 41."""
    policy.check_declared(name, None)


@pytest.mark.parametrize("name", ["a.exe", "a.php", "a.jar", "a.html", "a.svg", "a.bat", "a.lnk", "a.php.jpg", "a.ps1"])
def test_a_star_does_not_stand_for_the_deny_list(name):
    """Cases 41 and 58."""
    with pytest.raises(ExtensionNotAllowed):
        ANYTHING.check_declared(name, None)


def test_who_names_an_extension_wants_it():
    assert judge(allowing("*", "svg"), "a.svg", samples.svg()) == "image/svg+xml"
    assert judge(allowing("exe", types=("*",)), "a.exe", samples.pe()) == SAMPLES["program.exe"][0]
    assert judge(allowing("bat"), "a.bat", b"@echo off\r\n") == "application/octet-stream"
    assert judge(allowing("cgi"), "a.cgi", b"#!/usr/bin/perl\n") == "application/octet-stream"
    assert judge(allowing("php", "jpg"), "a.php.jpg", samples.jpeg()) == "image/jpeg"


def test_an_extension_that_only_the_operator_knows_can_be_used():
    policy = allowing("png", "xyz")
    assert judge(policy, "a.xyz", SAMPLES["noise.bin"][1]) == "application/octet-stream"
    assert judge(policy, "a.xyz", b"text", "chemical/x-xyz") == "application/octet-stream"
    assert judge(policy, "a.xyz", samples.png()) == "image/png"
    assert judge(policy, "a.xyz", samples.many_entries_zip()) == "application/octet-stream"
    chemistry = allowing("xyz", types=("chemical/x-xyz",))
    assert judge(chemistry, "a.xyz", b"3\nwater\n", "chemical/x-xyz") == "chemical/x-xyz"
    for refused in (SAMPLES["page.html"][1], samples.pe(), samples.svg(), samples.jar()):
        with pytest.raises(ContentTypeNotAllowed):
            judge(policy, "a.xyz", refused)
    with pytest.raises(ContentTypeNotAllowed):
        judge(chemistry, "a.xyz", samples.png())
    with pytest.raises(ContentTypeNotAllowed):
        policy.check_declared("a.xyz", "text/html")
    with pytest.raises(ContentTypeMismatch):
        judge(policy, "a.xyz", samples.png(), "application/pdf")


def test_files_without_extension_are_taken_only_where_the_operator_says_so():
    """Case 41: a lone dot in the list, or a star."""
    assert judge(allowing(".", "txt", "zip"), "README", b"hello") == "text/plain"
    assert judge(ANYTHING, "README", b"hello", "text/plain") == "text/plain"
    assert judge(ANYTHING, "backup", samples.docx()) == "application/zip"
    with pytest.raises(ContentTypeNotAllowed):
        judge(allowing(".", "txt"), "README", samples.png())
    with pytest.raises(ExtensionNotAllowed, match="no extension"):
        DEFAULT.check_declared("README", None)


def test_a_star_takes_what_nobody_would_run():
    assert judge(ANYTHING, "a.blend", SAMPLES["noise.bin"][1]) == "application/octet-stream"
    assert judge(ANYTHING, "a.pdf", samples.pdf()) == "application/pdf"
    with pytest.raises(ContentTypeNotAllowed):
        judge(ANYTHING, "a.blend", samples.elf())


def test_the_list_of_media_types_narrows_that_of_extensions():
    policy = allowing("pdf", "png", types=("image/*",))
    assert judge(policy, "a.png", samples.png()) == "image/png"
    with pytest.raises(ContentTypeNotAllowed):
        policy.check_declared("a.pdf", None)
    with pytest.raises(ValueError, match="no media type"):
        allowing("pdf", types=("pdf",))
    assert allowing("jpg", types=("image/JPG",)).media_types == {"image/jpeg"}


@pytest.mark.parametrize(
    ("name", "declared", "error"),
    [
        ("a.png", "text/html", ContentTypeNotAllowed),
        ("a.txt", "text/html", ContentTypeNotAllowed),
        ("a.pdf", "application/x-msdownload", ContentTypeNotAllowed),
        ("a.png", "image/jpeg", ContentTypeMismatch),
        ("a.pdf", "text/plain", ContentTypeMismatch),
        ("a.docx", "application/pdf", ContentTypeMismatch),
        ("a.txt", "application/zip", ContentTypeMismatch),
    ],
)
def test_a_declared_type_that_contradicts_the_name_is_refused_before_the_first_byte(name, declared, error):
    with pytest.raises(error):
        DEFAULT.check_declared(name, declared)
    with pytest.raises(error):
        DEFAULT.judge(name, declared, b"x")


def test_svg_with_entities_is_refused_even_where_svg_is_allowed():
    """Cases 66 and 95."""
    bomb = b'<!DOCTYPE svg [<!ENTITY a "aaaa">]>' + samples.svg()
    with pytest.raises(ContentTypeNotAllowed, match="entities"):
        judge(allowing("svg"), "a.svg", bomb)


def test_an_empty_file_is_refused():
    """Case 69."""
    with pytest.raises(EmptyFile):
        DEFAULT.judge("a.txt", None, b"")


def test_errors_repeat_only_a_short_extension_and_a_type():
    with pytest.raises(ExtensionNotAllowed) as refusal:
        DEFAULT.check_declared("secret name." + "x" * 5_000, None)
    assert "secret" not in str(refusal.value)
    assert len(str(refusal.value)) < 200
    assert DEFAULT.check_declared("a.txt", "te\r\nxt/<script>") is None
