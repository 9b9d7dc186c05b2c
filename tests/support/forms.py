"""Forms for fuzzing: good ones by structure, bad ones by soup and by mutation, and what is read of them."""

from __future__ import annotations

import os
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st

from app.core.exceptions import Invalid, Malformed
from app.core.multipart_form import FormField, FormFile, FormFileEnd, FormReader

EXAMPLES = int(os.environ.get("FUZZ_FORMS", "0"))
BOUNDARY = b"----fuzz7MA4YWxk"
OPENING = b"--" + BOUNDARY
END = OPENING + b"--\r\n"
DISPOSITION = b"Content-Disposition: form-data; "


def fuzz(usual: int) -> settings:
    """The same examples every time in the suite; `FUZZ_FORMS` asks for so many, others each time."""
    return settings(max_examples=EXAMPLES or usual, derandomize=not EXAMPLES, deadline=None)


def part(disposition: bytes, content: bytes, *headers: bytes, boundary: bytes = BOUNDARY) -> bytes:
    head = b"\r\n".join((DISPOSITION + disposition, *headers))
    return b"--" + boundary + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


def file_part(content: bytes, name: bytes = b"a.txt") -> bytes:
    return part(b'name="file"; filename="' + name + b'"', content)


FORM = (
    part(b'name="folder"', "büro/2026".encode())
    + part(
        b'name="file"; filename="Q3 \\"r\xc3\xa9sum\xc3\xa9\\".txt"',
        b"one\r\n--two\r\n--\r\n",
        b"Content-Type: text/plain",
    )
    + part(b'name="description"', b"why")
    + END
)

# What forms are made of, and what looks like it.
WORDS = (
    b"\r\n", b"\n", b"\r", b"--", b"\r\n\r\n", BOUNDARY, OPENING, b"\r\n" + OPENING, b"\r\n" + OPENING + b"\r\n", END,
    b"\r\n" + END, OPENING + b" \t\r\n", OPENING[:-1], DISPOSITION, b"content-disposition:form-data", b"; ",
    b'name="file"',
    b"name=", b'name*="file"', b"name*0=fi", b"filename=", b'filename="a.txt"', b"filename*=UTF-8''a%00.txt",
    b"filename*=iso-8859-1'en'%A3", b'"', b'\\"', b"\\", b'"""', b"'", b":", b"=", b";" * 40, b" ", b"\t", b"\x00",
    b"\xff", b"\xed\xa0\x80", b"Content-Type: text/plain", b"Content-Type: text/plain; charset=utf-7",
    b"Content-Length: 7", b"Content-Transfer-Encoding: base64", b"X-" + b"y" * 300 + b": z", b"folder", b"_charset_",
    b"a" * 70,
)  # fmt: skip
soup = st.lists(st.sampled_from(WORDS) | st.binary(max_size=20), max_size=60).map(b"".join)
# Behind the first boundary, so that more than the first line is reached.
begun_soup = soup.map(lambda rest: OPENING + b"\r\n" + rest)


@st.composite
def mutated(draw) -> bytes:
    """A good form with a few places cut out, doubled or written over."""
    form = FORM
    for _ in range(draw(st.integers(1, 5))):
        first = draw(st.integers(0, len(form)))
        last = draw(st.integers(first, min(len(form), first + 60)))
        instead = draw(st.sampled_from((b"", form[first:last] * 2, *WORDS)) | st.binary(max_size=8))
        form = form[:first] + instead + form[last:]
    return form


boundaries = st.text("abcXYZ019'()+_,-./:=?", min_size=8, max_size=70).map(str.encode)
contents = st.lists(st.binary(max_size=60) | st.sampled_from((b"\r\n", b"\r\n--", b"--", b"\r")), max_size=20).map(
    b"".join
)


@st.composite
def good_forms(draw) -> tuple[bytes, bytes, list[object]]:
    """A boundary, a form, and the events that must be read of it."""
    boundary = draw(boundaries)
    form, events = b"", []
    for number in range(draw(st.integers(0, 6))):
        value = draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
        form += part(f'name="f{number}"'.encode(), value.encode(), boundary=boundary)
        events.append(FormField(f"f{number}", value))
    content = draw(contents)
    form += part(b'name="file"; filename="a.bin"', content, boundary=boundary)
    events += [FormFile("file", "a.bin", None), *([content] if content else []), FormFileEnd()]
    return boundary, form + b"--" + boundary + b"--" + draw(st.sampled_from((b"\r\n", b"", b"\r\nend\r\n"))), events


places = st.sets(st.integers(1, 3000), max_size=30)


def cut(data: bytes, at: set[int]) -> list[bytes]:
    edges = [0, *sorted(place for place in at if place < len(data)), len(data)]
    return [data[first:last] for first, last in pairwise(edges)]


class Reading:
    """One body read to its end or its refusal, and what that took.

    `taken_bytes` is how much of the body was asked for, `held_bytes` the most that was kept at one time.
    """

    def __init__(self, *chunks: bytes, boundary: bytes = BOUNDARY) -> None:
        self.events: list[object] = []
        self.refusal: Invalid | Malformed | None = None
        self.taken_bytes = self.held_bytes = 0
        self._chunks = chunks
        self._boundary = boundary

    async def run(self) -> Reading:
        try:
            reader = FormReader(self._boundary, self._body())
            self._reader = reader
            async for event in reader.events():
                self._keep(event)
        except (Invalid, Malformed) as refusal:
            self.refusal = refusal
        return self

    async def _body(self):
        for chunk in self._chunks:
            self.taken_bytes += len(chunk)
            yield chunk
            self.held_bytes = max(self.held_bytes, held_by(self._reader))

    def _keep(self, event: object) -> None:
        if isinstance(event, bytes) and self.events and isinstance(self.events[-1], bytes):
            self.events[-1] += event
        elif event != b"":
            self.events.append(event)


def held_by(reader: FormReader) -> int:
    """How many bytes a reader keeps while it waits for more."""
    part = reader._part
    waiting = sum(len(event) for event in reader._events if isinstance(event, bytes))
    headers = sum(len(name) + len(value) for name, value in part.headers.items())
    return (
        waiting + headers + len(part.value) + len(reader._header[0]) + len(reader._header[1]) + len(reader._last_bytes)
    )
