"""Forms as they arrive: the same events however the bytes are cut, and a limit to everything."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.core.exceptions import Invalid, Malformed
from app.core.multipart_form import (
    MAX_FIELD_BYTES,
    MAX_FIELDS,
    FormField,
    FormFile,
    FormFileEnd,
    FormReader,
    boundary_of,
)

BOUNDARY = b"----WebKitFormBoundary7MA4YWxk"


def part(disposition: str, content: bytes, *headers: str) -> bytes:
    lines = "\r\n".join((f"Content-Disposition: form-data; {disposition}", *headers))
    return b"--" + BOUNDARY + b"\r\n" + lines.encode() + b"\r\n\r\n" + content + b"\r\n"


END = b"--" + BOUNDARY + b"--\r\n"
# What looks like the end of the file and isn't.
TRICKY = b"one\r\n--two\r\n--" + BOUNDARY[:-1] + b"\r\n\r\n--\r\nlast\r\n"
FORM = (
    part('name="folder"', "büro/2026".encode())
    + part('name="file"; filename="Q3 \\"résumé\\".pdf"', TRICKY, "Content-Type: application/pdf")
    + part('name="metadata"', b'{"a": 1}', "Content-Type: application/json")
    + part('name="description"', b"")
    + END
)
EVENTS = [
    FormField("folder", "büro/2026"),
    FormFile("file", 'Q3 "résumé".pdf', "application/pdf"),
    TRICKY,
    FormFileEnd(),
    FormField("metadata", '{"a": 1}'),
    FormField("description", ""),
]


async def events_of(*chunks: bytes) -> list[object]:
    """All events, pieces of one file joined."""

    async def body():
        for chunk in chunks:
            yield chunk

    found: list[object] = []
    async for event in FormReader(BOUNDARY, body()).events():
        if isinstance(event, bytes) and found and isinstance(found[-1], bytes):
            found[-1] += event
        elif event != b"":
            found.append(event)
    return found


def cut(data: bytes, places: set[int]) -> list[bytes]:
    edges = [0, *sorted(places), len(data)]
    return [data[first:last] for first, last in pairwise(edges)]


async def test_a_form_is_read_field_by_field():
    assert await events_of(FORM) == EVENTS


async def test_a_form_may_come_byte_by_byte():
    assert await events_of(*cut(FORM, set(range(1, len(FORM))))) == EVENTS


@given(places=st.sets(st.integers(1, len(FORM) - 1), max_size=40))
@example(places={1})
@example(places={len(FORM) - 1})
async def test_any_cut_gives_the_same_events(places):
    assert await events_of(*cut(FORM, places)) == EVENTS


@given(content=st.binary(max_size=300), places=st.sets(st.integers(1, 400), max_size=10))
async def test_a_file_comes_through_byte_for_byte(content, places):
    form = part('name="file"; filename="a.bin"', content) + END
    found = await events_of(*cut(form, {place for place in places if place < len(form)}))
    expected = [FormFile("file", "a.bin", None), content, FormFileEnd()]
    assert found == [event for event in expected if event != b""]


@pytest.mark.parametrize("kept", range(1, len(FORM) - 4, 7))
async def test_a_form_that_ends_too_early_is_malformed(kept):
    """Case 35."""
    with pytest.raises(Malformed):
        await events_of(FORM[:kept])


async def test_no_body_at_all_is_malformed():
    with pytest.raises(Malformed):
        await events_of()


@pytest.mark.parametrize(
    "body",
    [
        b"preamble\r\n" + FORM,
        b"\r\n" * 100_000 + FORM,
        b"x" * 1_000_000,
        b'{"file": "no form"}' + b" " * 100,
        part('filename="a.txt"', b"no name") + END,
        part('name=""', b"empty name") + END,
        FORM.replace(b"form-data; name", b"attachment; name", 1),
        b"--" + BOUNDARY + b"\r\n\r\nno headers\r\n" + END,
        part('name="a"', b"x", *(f"X-{number}: y" for number in range(40))) + END,
        part('name="a"', b"x", "X-Long: " + "y" * 20_000) + END,
        part('name="a"', b"\xff\xfe not UTF-8") + END,
        b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n' + END,
        part('name="a"', b"x" * (MAX_FIELD_BYTES + 1)) + END,
        b"".join(part(f'name="f{number}"', b"x") for number in range(MAX_FIELDS + 1)) + END,
        b"".join(part(f'name="f{number}"', b"x" * MAX_FIELD_BYTES) for number in range(2)) + END,
        b"".join(part(f'name="{number:07000}"', b"x") for number in range(20)) + END,
    ],
)
async def test_what_is_no_reasonable_form_is_invalid(body):
    """Case 36."""
    with pytest.raises(Invalid) as caught:
        await events_of(*cut(body, set(range(4096, len(body), 4096))))
    assert caught.value.errors


async def test_as_much_as_allowed_is_allowed():
    most = [part(f'name="f{number}"', b"x" * (MAX_FIELD_BYTES if number == 0 else 1)) for number in range(MAX_FIELDS)]
    assert len(await events_of(b"".join(most) + END)) == MAX_FIELDS


@pytest.mark.parametrize(
    "header",
    [
        "multipart/form-data; boundary=abc",
        'Multipart/Form-Data; boundary="abc"',
        "multipart/form-data; charset=utf-8; boundary=abc",
    ],
)
def test_the_boundary_is_found(header):
    assert boundary_of(header) == b"abc"


@pytest.mark.parametrize(
    "header",
    [None, "", "text/plain", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=a"],
)
def test_without_a_boundary_there_is_no_form(header):
    with pytest.raises(Invalid):
        boundary_of(header)
