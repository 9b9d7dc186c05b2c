"""Which files are taken, and what they are stored as (cases 41, 58, 64-68)."""

from __future__ import annotations

import pytest

from app.config import StoreSettings
from app.modules.files.content import (
    HEAD_BYTES,
    TAIL_BYTES,
    ContentPolicy,
    media_types_of,
    needs_tail,
)
from app.modules.files.content.formats import FORMATS
from app.modules.files.exceptions import (
    ContentTypeMismatch,
)
from tests import samples
from tests.samples import CSV, SAMPLES

DEFAULTS = StoreSettings.model_fields["allowed_extensions"].default
DEFAULT = ContentPolicy.from_settings(DEFAULTS, ())
EVERYTHING = ContentPolicy.from_settings(sorted({ext for row in FORMATS for ext in row.extensions} | {"*"}), ())
DOCX, XLSX = SAMPLES["letter.docx"][0], SAMPLES["sheet.xlsx"][0]


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


@pytest.mark.parametrize("name", [name for name in SAMPLES if name not in {"fake.png", "noise.bin", "commented.md"}])
def test_every_sample_is_stored_as_a_type_of_its_extension(name):
    """Cases 64 to 68: declared right, as octet-stream, or not at all."""
    content = SAMPLES[name][1]
    extension = name.rpartition(".")[2].lower()
    stored = judge(EVERYTHING, name, content)
    assert stored in media_types_of({extension})
    assert judge(EVERYTHING, name.upper(), content, "application/octet-stream") == stored
    assert judge(EVERYTHING, name, content, f"{stored.upper()}; charset=utf-8") == stored


@pytest.mark.parametrize(
    ("name", "content", "declared", "stored"),
    [
        ("a.csv", CSV, "application/vnd.ms-excel", "text/csv"),
        ("a.csv", CSV, "text/plain; charset=utf-8", "text/csv"),
        ("a.csv", b"1", None, "text/csv"),
        ("a.csv", SAMPLES["markup.csv"][1], None, "text/csv"),
        ("a.csv", SAMPLES["wide.csv"][1], "text/comma-separated-values", "text/csv"),
        ("a.zip", samples.plain_zip(), "application/x-zip-compressed", "application/zip"),
        ("a.zip", samples.docx(), "application/zip", "application/zip"),
        ("a.docx", samples.docx(), "application/zip", DOCX),
        ("a.docx", samples.docx(), "application/msword", DOCX),
        ("a.docx", samples.encrypted_docx(), None, DOCX),
        ("a.docx", samples.encrypted_docx(padding_sectors=2_000), None, DOCX),
        ("a.doc", samples.ole("Contents"), "application/msword", "application/msword"),
        ("a.doc", samples.doc(padding_sectors=2_000), None, "application/msword"),
        ("PHOTO.JPEG", samples.jpeg(), "image/jpg", "image/jpeg"),
        ("a.jpg", samples.jpeg(), "image/pjpeg", "image/jpeg"),
        ("a.txt", b"plain", "nonsense", "text/plain"),
        ("a.txt", b"plain", "application/x-www-form-urlencoded", "text/plain"),
        ("report.v1.2.pdf", samples.pdf(), "application/pdf", "application/pdf"),
        ("holiday.com.pdf", samples.pdf(), None, "application/pdf"),
        ("setup.exe.zip", samples.plain_zip(), None, "application/zip"),
        ("Pro.ASP.NET.Core.pdf", samples.pdf(), None, "application/pdf"),
        ("a.PDF. .", samples.pdf(), None, "application/pdf"),
        ("a.pdf::$DATA", samples.pdf(), None, "application/pdf"),
    ],
)
def test_what_people_send_is_taken(name, content, declared, stored):
    """Cases 41, 64, 65 and 68, by the default lists."""
    assert judge(DEFAULT, name, content, declared) == stored


@pytest.mark.parametrize(
    ("name", "content", "declared", "stored"),
    [
        ("a.json", samples.long_json(), "text/plain", "application/json"),
        ("a.json", b"1", "application/json", "application/json"),
        ("a.md", b'<p align="center"><img src="a.png"></p>\n\n# Title', "text/plain", "text/markdown"),
        ("a.md", SAMPLES["commented.md"][1], None, "text/markdown"),
        ("a.yaml", b"a: 1", "application/x-yaml", "application/yaml"),
        ("a.m4a", SAMPLES["voice.m4a"][1], "audio/x-m4a", "audio/mp4"),
        ("a.m4a", SAMPLES["voice.m4a"][1], "audio/mpeg", "audio/mp4"),
        ("a.mp4", SAMPLES["film.mov"][1], "video/mp4", "video/mp4"),
        ("a.mov", SAMPLES["film.mp4"][1], None, "video/quicktime"),
        ("a.webm", samples.ebml(b"webm"), "audio/webm;codecs=opus", "audio/webm"),
        ("a.webm", samples.ebml(b"webm"), None, "video/webm"),
        ("a.ogg", SAMPLES["film.ogv"][1], None, "video/ogg"),
        ("a.ts", b"const a: number = 1;", "video/mp2t", "text/x-typescript"),
        ("a.ts", SAMPLES["film.mts"][1], "video/mp2t", "video/mp2t"),
        ("a.docm", samples.docm(), None, "application/vnd.ms-word.document.macroenabled.12"),
        ("a.docm", samples.docx(), None, "application/vnd.ms-word.document.macroenabled.12"),
        ("a.rtf", SAMPLES["letter.rtf"][1], "text/rtf", "application/rtf"),
        ("a.xml", SAMPLES["feed.xml"][1], "text/xml", "application/xml"),
        ("a.svg", samples.svg(), "image/svg", "image/svg+xml"),
        ("a.js", b"alert(1)", "application/javascript", "text/javascript"),
    ],
)
def test_what_people_send_is_taken_where_the_operator_allows_it(name, content, declared, stored):
    """Cases 65, 66 and 68."""
    assert judge(allowing(name.rpartition(".")[2]), name, content, declared) == stored


HOSTILE = (
    "page.html",
    "spaced.html",
    "latin.html",
    "nul.html",
    "wide.html",
    "plain.svg",
    "commented.svg",
    "wide.svg",
    "doctype.svg",
    "page.php",
    "run.sh",
    "program.exe",
    "program.elf",
    "program.dylib",
    "page.jsp",
    "old.xhtml",
)


@pytest.mark.parametrize(
    "extension", ["txt", "csv", "json", "md", "yaml", "log", "xml", "png", "pdf", "zip", "doc", "docx"]
)
@pytest.mark.parametrize("sample", HOSTILE)
def test_what_runs_never_passes_under_a_harmless_name(sample, extension):
    """Cases 58 and 65."""
    with pytest.raises(ContentTypeMismatch) as refusal:
        judge(allowing(extension), f"a.{extension}", SAMPLES[sample][1])
    found = SAMPLES[sample][0]
    assert str(refusal.value) == (
        f"The file is named .{extension}, but its content is {found}; rename it or choose another file."
    )


@pytest.mark.parametrize(
    "content",
    [
        b"<p onclick=alert(1)>x</p>",
        b"<p>\n<script>alert(1)</script>",
        b'<a href="javascript:x">',
        b"<script>1</script>",
        b"<img src=x onerror = alert(1)>",
    ],
)
def test_markdown_may_begin_with_markup_but_not_with_script(content):
    """Case 65."""
    with pytest.raises(ContentTypeMismatch):
        judge(allowing("md"), "a.md", content)
    with pytest.raises(ContentTypeMismatch):
        judge(allowing("txt"), "a.txt", b"<p>x</p>")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.docx", samples.docm()),
        ("a.xlsx", samples.xlsm()),
        ("a.xlsx", samples.docx()),
        ("a.docx", samples.plain_zip()),
        ("a.docx", samples.many_entries_zip()),
        ("a.docx", samples.doc()),
        ("a.docx", samples.pdf()),
        ("a.doc", samples.xls()),
        ("a.doc", samples.msi()),
        ("a.doc", samples.docx()),
        ("a.doc", SAMPLES["letter.rtf"][1]),
        ("a.zip", samples.jar()),
        ("a.zip", samples.apk()),
        ("a.jpg", samples.png()),
        ("a.png", SAMPLES["fake.png"][1]),
        ("a.pdf", CSV),
        ("a.txt", SAMPLES["noise.bin"][1]),
        ("a.csv", samples.png()),
        ("a.txt", SAMPLES["run.py"][1]),
    ],
)
def test_bytes_that_are_not_what_the_name_says_are_refused(name, content):
    """Cases 64 to 67."""
    with pytest.raises(ContentTypeMismatch):
        judge(DEFAULT, name, content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.docx", samples.pdf()),
        ("a.doc", samples.many_entries_zip()),
        ("a.pdf", samples.many_entries_zip()),
        ("a.docx", samples.many_entries_zip(first=("META-INF/MANIFEST.MF",))),
        ("a.pdf", samples.doc(padding_sectors=2_000)),
        ("a.xlsx", samples.many_entries_zip(first=("[Content_Types].xml", "word/document.xml"))),
        ("a.txt", SAMPLES["page.html"][1]),
    ],
)
def test_what_is_certainly_wrong_is_refused_before_the_first_part(name, content):
    with pytest.raises(ContentTypeMismatch):
        DEFAULT.judge(name, None, content[:HEAD_BYTES], final=False)


def test_what_only_the_tail_can_tell_passes_at_first():
    big = samples.many_entries_zip()[:HEAD_BYTES]
    assert DEFAULT.judge("a.docx", None, big, final=False) == DOCX
    with pytest.raises(ContentTypeMismatch):
        DEFAULT.judge("a.docx", None, big, tail=samples.many_entries_zip()[-TAIL_BYTES:], size=10**6)
