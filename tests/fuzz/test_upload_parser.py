"""Any bytes at all as a form: an answer each, after a bounded part of the body and with a bounded part of it kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.exceptions import Invalid, Malformed
from app.core.multipart_form import (
    MAX_BOUNDARIES,
    MAX_EPILOGUE_BYTES,
    MAX_FIELD_BYTES,
    MAX_FIELDS,
    MAX_HEADER_BYTES,
    MAX_HEADERS_A_PART,
    FormReader,
    boundary_of,
)
from tests.support.forms import (
    BOUNDARY,
    DISPOSITION,
    END,
    FORM,
    OPENING,
    Reading,
    begun_soup,
    cut,
    file_part,
    fuzz,
    good_forms,
    mutated,
    part,
    places,
    soup,
)

CHUNK = 65_536
# One part's headers and one field, whatever the body.
MOST_HELD_BYTES = MAX_HEADERS_A_PART * MAX_HEADER_BYTES + MAX_FIELD_BYTES + 4096
BOTTOMLESS = 2 << 20


@fuzz(300)
@given(body=soup | begun_soup | mutated(), at=places)
async def test_any_bytes_are_a_form_or_are_refused_however_they_are_cut(body, at):
    """Case 36."""
    whole, pieces = await Reading(body).run(), await Reading(*cut(body, at)).run()
    assert type(pieces.refusal) is type(whole.refusal)
    if whole.refusal is None:
        assert pieces.events == whole.events
    elif isinstance(whole.refusal, Invalid):
        assert whole.refusal.errors
    assert pieces.held_bytes <= MOST_HELD_BYTES


@fuzz(200)
@given(good=good_forms(), at=places)
async def test_a_good_form_comes_through_with_any_boundary_however_it_is_cut(good, at):
    boundary, form, expected = good
    reading = await Reading(*cut(form, at), boundary=boundary).run()
    assert (reading.refusal, reading.events) == (None, expected)


@pytest.mark.parametrize("kept", range(len(FORM)))
async def test_a_form_that_ends_at_any_byte_is_known_to_be_cut(kept):
    """Case 35: only the last line end may be missing."""
    reading = await Reading(FORM[:kept]).run()
    if kept >= len(FORM) - len(b"\r\n"):
        assert reading.refusal is None
    else:
        assert isinstance(reading.refusal, Malformed)


def endless(piece: bytes, start: bytes = b"") -> list[bytes]:
    """A body without end, chunk by chunk."""
    chunk = piece * (CHUNK // len(piece) + 1)
    return [start + chunk] + [chunk] * (BOTTOMLESS // len(chunk))


# What never ends: the body, and how many bytes of it may be read at most.
ENDLESS = {
    "line ends in front": (endless(b"\r\n"), CHUNK * 2),
    "junk in front": (endless(b"junk"), CHUNK * 2),
    "half of the boundary in front": (endless(OPENING[:-1] + b"\r\n"), CHUNK * 2),
    "a header's name": (endless(b"x", OPENING + b"\r\n"), CHUNK * 2),
    "a header's value": (endless(b"x", OPENING + b"\r\nX: "), CHUNK * 2),
    "spaces in front of a header's value": (endless(b" ", OPENING + b"\r\nX:"), CHUNK * 2),
    "headers": (endless(b"X: y\r\n", OPENING + b"\r\n"), CHUNK * 2),
    "the same header": (endless(DISPOSITION + b"name=a\r\n", OPENING + b"\r\n"), CHUNK * 2),
    "quotes": (endless(b'"', OPENING + b"\r\n" + DISPOSITION + b"name="), CHUNK * 2),
    "semicolons": (endless(b";", OPENING + b"\r\n" + DISPOSITION + b"name="), CHUNK * 2),
    "backslashes": (endless(b'\\"', OPENING + b"\r\n" + DISPOSITION + b'name="'), CHUNK * 2),
    "a field": (endless(b"x", OPENING + b"\r\n" + DISPOSITION + b'name="a"\r\n\r\n'), MAX_FIELD_BYTES + CHUNK * 2),
    "fields": (endless(part(b'name="a"', b"")), CHUNK * 2),
    "files": (endless(file_part(b"")), CHUNK * 2),
    "parts without headers": (endless(OPENING + b"\r\n\r\n\r\n"), CHUNK * 2),
    "boundaries that go on": (endless(b"\r\n" + OPENING + b"x", file_part(b"")[:-2]), CHUNK * 2),
    "boundaries that end by half": (endless(b"\r\n" + OPENING + b"-x", file_part(b"")[:-2]), CHUNK * 2),
    "boundaries with half a line end": (endless(b"\r\n" + OPENING + b"\rx", file_part(b"")[:-2]), CHUNK * 2),
    "spaces behind a boundary": (endless(b" ", file_part(b"") + OPENING), CHUNK * 2),
    "tabs behind a boundary": (endless(b"\t", file_part(b"") + OPENING), CHUNK * 2),
    "something behind the end": (endless(b"x", file_part(b"") + END), MAX_EPILOGUE_BYTES + CHUNK * 3),
    "forms behind the end": (endless(FORM, FORM), MAX_EPILOGUE_BYTES + CHUNK * 3),
}


@pytest.mark.parametrize(("body", "most_bytes"), ENDLESS.values(), ids=ENDLESS)
async def test_what_never_ends_is_refused_early(body, most_bytes):
    """Case 36: nothing that only the parser reads may go on for ever; a file's bytes are counted elsewhere."""
    reading = await Reading(*body).run()
    assert isinstance(reading.refusal, Invalid)
    assert reading.taken_bytes <= most_bytes
    assert reading.held_bytes <= MOST_HELD_BYTES + CHUNK


@pytest.mark.parametrize("width", [1, 7, len(OPENING), len(OPENING) + 2, len(OPENING) + 3])
async def test_boundaries_in_a_file_are_counted_however_they_are_cut(width):
    body = file_part((b"\r\n" + OPENING + b"x") * (MAX_BOUNDARIES + 1))[:-2]
    reading = await Reading(*(body[at : at + width] for at in range(0, len(body), width))).run()
    assert isinstance(reading.refusal, Invalid)
    assert "choose another" in reading.refusal.errors[0].detail


async def test_a_file_may_hold_its_boundary_a_few_times():
    """A short boundary of somebody's own script, and a text with such lines."""
    content = b"\r\n--ab\r\n--abc\r\n--ab-" * 300
    form = part(b'name="file"; filename="a.txt"', content.replace(b"--ab\r", b"--a\r"), boundary=b"ab") + b"--ab--"
    reading = await Reading(form, boundary=b"ab").run()
    assert reading.refusal is None


async def test_a_line_end_and_a_little_more_may_follow_the_end():
    assert (await Reading(FORM, b"\r\n" * 100).run()).refusal is None


@pytest.mark.parametrize("space", [b" ", b"\t"])
@pytest.mark.parametrize("cut_after", [0, 1])
async def test_a_boundary_with_a_space_behind_it_is_refused_however_it_is_cut(space, cut_after):
    """RFC 2046 has such spaces, no client sends them, and the parser goes through them one by one."""
    start = file_part(b"x") + OPENING
    body = start + space * 3 + b"\r\n" + DISPOSITION + b'name="a"\r\n\r\nx\r\n' + END
    reading = await Reading(body[: len(start) + cut_after], body[len(start) + cut_after :]).run()
    assert isinstance(reading.refusal, Invalid)


# A part's disposition, and the event that begins it or None for a refusal.
DISPOSITIONS = {
    b'name="file"; filename="a.txt"': ("file", "a.txt"),
    b"name=file; filename=a.txt": ("file", "a.txt"),
    b'NAME="file"; FileName="a.txt"': ("file", "a.txt"),
    b'name="file" ; filename = "a.txt"': ("file", "a.txt"),
    b'name="file"; filename="a \\"b\\".txt"': ("file", 'a "b".txt'),
    b'name="file"; filename="a;b=c.txt"': ("file", "a;b=c.txt"),
    b'name="file"; filename="a\\\\b.txt"': ("file", "a\\b.txt"),
    b'name="file"; filename="C:\\\\dir\\\\a.txt"': ("file", "a.txt"),
    b'name="file"; filename="a.txt"; filename*=UTF-8\'\'b.exe': ("file", "a.txt"),
    b'name="file"; filename*=UTF-8\'\'b.exe; filename="a.txt"': ("file", "a.txt"),
    b'name="file"; filename*0="a"; filename*1=".exe"; filename="a.txt"': ("file", "a.txt"),
    b'name="file"; filename=""': ("file", ""),
    b'name="file"; filename="a.txt': ("file", '"a.txt'),
    b'name="file"; filename="%22%0d%0a.txt"': ("file", "%22%0d%0a.txt"),
    b'name="file"; filename="\xc3\xa9.txt"': ("file", "é.txt"),
    b'name="file"; filename="\xe9.txt"': None,
    b'name="file"; filename="\xed\xa0\x80.txt"': None,
    b'name*=UTF-8\'\'file; filename="a.txt"': None,
    b'filename="a.txt"': None,
    b'name=""; filename="a.txt"': None,
    b'name; filename="a.txt"': None,
}  # fmt: skip


@pytest.mark.parametrize(("disposition", "expected"), DISPOSITIONS.items(), ids=ascii)
async def test_a_disposition_is_read_as_rfc_7578_has_it(disposition, expected):
    """Case 36: the extended forms, by which a name is smuggled past who reads the plain one, count for nothing."""
    reading = await Reading(part(disposition, b"x") + END).run()
    if expected is None:
        assert isinstance(reading.refusal, Invalid)
    else:
        first = reading.events[0]
        assert (first.name, first.filename) == expected


@pytest.mark.parametrize("disposition", [b"name=\"file\"; filename*=UTF-8''a.txt", b'name="file"; filename*0="a.txt"'])
async def test_an_extended_name_alone_makes_no_file(disposition):
    """Then it is a field called `file`, which the upload refuses."""
    reading = await Reading(part(disposition, b"x") + END).run()
    assert [type(event).__name__ for event in reading.events] == ["FormField"]


async def test_a_header_that_stands_twice_is_refused():
    """Which one counts would depend on who reads."""
    body = part(b'name="file"; filename="a.txt"', b"x", b'content-disposition: form-data; name="b"; filename="b.exe"')
    assert isinstance((await Reading(body + END).run()).refusal, Invalid)


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\n\r", b"\r\r\n"], ids=["LF", "CR", "LF CR", "CR CR LF"])
async def test_only_crlf_ends_a_line(line_end):
    for form in (FORM.replace(b"\r\n", line_end), FORM.replace(OPENING + b"\r\n", OPENING + line_end, 1)):
        assert (await Reading(form).run()).refusal is not None


@fuzz(200)
@given(header=st.text(st.characters(max_codepoint=255), max_size=120).map(lambda rest: f"multipart/form-data;{rest}"))
async def test_any_content_type_has_a_boundary_that_works_or_is_refused(header):
    try:
        boundary = boundary_of(header)
    except Invalid:
        return
    form = part(b'name="file"; filename="a.txt"', b"x", boundary=boundary) + b"--" + boundary + b"--\r\n"
    reading = await Reading(form, boundary=boundary).run()
    assert reading.refusal is None or isinstance(reading.refusal, Invalid)


@pytest.mark.parametrize("length", [257, 8000])
async def test_a_boundary_that_is_too_long_is_refused(length):
    """RFC 2046 allows 70 characters; a few more are no harm."""
    with pytest.raises(Invalid):
        FormReader(b"b" * length, aiter_of())


async def aiter_of():
    yield b""


async def test_as_many_fields_as_allowed_and_the_file_are_a_form():
    fields = b"".join(part(f'name="f{number}"'.encode(), b"x") for number in range(MAX_FIELDS))
    assert (await Reading(fields + file_part(b"x") + END).run()).refusal is None


def test_the_samples_boundary_is_the_one_that_is_fuzzed():
    assert boundary_of(f"multipart/form-data; boundary={BOUNDARY.decode()}") == BOUNDARY
