"""Reads multipart/form-data as it arrives: fields whole, the one file as a stream, nothing on disk."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import NewType

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.core.exceptions import FieldError, Invalid, Malformed

MAX_FIELDS = 64
MAX_FIELD_BYTES = 65_536
# Of all fields of a form with their names: they are kept until its end, and no budget counts them. Characters that
# take four bytes make four times as much of them.
MAX_FIELDS_BYTES = 131_072
# One more than any form needs, so that the second file is told as such.
MAX_PARTS = MAX_FIELDS + 2
MAX_HEADERS_A_PART = 16
MAX_HEADER_BYTES = 8_192
MAX_EPILOGUE_BYTES = 4_096
# How often the boundary may stand in a body, a file's own bytes included. The parser goes through each of them byte
# by byte; a boundary of random characters, as every client makes it, stands there once a part.
MAX_BOUNDARIES = 1_024

FileBytes = NewType("FileBytes", bytes)


@dataclass(frozen=True)
class FormField:
    """One field, whole."""

    name: str
    value: str


@dataclass(frozen=True)
class FormFile:
    """A file begins; its bytes follow as `FileBytes`, then `FormFileEnd`."""

    name: str
    filename: str
    content_type: str | None


@dataclass(frozen=True)
class FormFileEnd:
    """The file's last byte has been seen."""


FormEvent = FormField | FormFile | FormFileEnd | FileBytes


@dataclass
class _Part:
    """What is known of the part that is being read."""

    headers: dict[str, bytes] = field(default_factory=dict)
    name: str = ""
    is_file: bool = False
    value: bytearray = field(default_factory=bytearray)


def _wrong(field_name: str, detail: str) -> Invalid:
    return Invalid("The form can't be taken; see errors.", errors=(FieldError(field_name, detail),))


def boundary_of(content_type: str | None) -> bytes:
    """The boundary that a Content-Type header names.

    Raises:
        Invalid: the header is missing, of another type, or names none.
    """
    media_type, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if media_type.lower() != b"multipart/form-data" or not boundary:
        raise _wrong("header.content-type", "send multipart/form-data with a boundary, as curl -F and browsers do")
    return bytes(boundary)


class FormReader:
    """Turns the chunks of a body into events.

    Args:
        boundary: from the Content-Type header.
        chunks: the body as it arrives.
    """

    def __init__(self, boundary: bytes, chunks: AsyncIterator[bytes]) -> None:
        self._opening = b"--" + boundary
        self._delimiter = b"\r\n--" + boundary
        self._chunks = chunks
        self._events: deque[FormEvent] = deque()
        self._part = _Part()
        self._header = (bytearray(), bytearray())
        self._parts = 0
        self._fields = 0
        self._fields_bytes = 0
        self._boundaries = 0
        self._last_bytes = b""
        self._epilogue_bytes = 0
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
                max_header_count=MAX_HEADERS_A_PART,
                max_header_size=MAX_HEADER_BYTES,
            )
        except FormParserError as error:
            raise _wrong("header.content-type", "the boundary is not one that RFC 2046 allows") from error

    async def events(self) -> AsyncIterator[FormEvent]:
        """All events in order, once.

        Raises:
            Malformed: the body ends before its closing boundary.
            Invalid: it isn't a form, or exceeds what a form may hold.
        """
        start = b""
        async for chunk in self._chunks:
            data = chunk
            if len(start) < len(self._opening):
                # The parser is slow on anything in front of the first boundary; no client sends that.
                start += chunk
                if not start.startswith(self._opening[: len(start)]):
                    raise _wrong("body", "the body does not begin with the boundary that Content-Type names")
                if len(start) < len(self._opening):
                    continue
                data = start
            self._feed(data)
            while self._events:
                yield self._events.popleft()
        if not self._ended:
            raise Malformed("The form ended before its closing boundary; send it again.")

    def _feed(self, data: bytes) -> None:
        if self._ended:
            self._epilogue_bytes += len(data)
            if self._epilogue_bytes > MAX_EPILOGUE_BYTES:
                raise _wrong("body", "goes on behind the closing boundary")
            return
        self._check_boundaries(data)
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _wrong("body", "this is not well-formed multipart/form-data") from error

    def _check_boundaries(self, data: bytes) -> None:
        """Refuse what makes the parser slow although it is allowed: boundaries in the content, spaces behind them."""
        window = self._last_bytes + data
        width = len(self._delimiter)
        self._last_bytes = window[-width:]
        # One at the very end is counted with the byte that follows it.
        found = window.count(self._delimiter, 0, len(window) - 1)
        if not found:
            return
        self._boundaries += found
        if self._boundaries > MAX_BOUNDARIES:
            raise _wrong("header.content-type", "the boundary stands in the file too; choose another one")
        if any(self._delimiter + space in window for space in (b" ", b"\t")):
            raise _wrong("body", "a boundary is followed by a space; end its line there")

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise _wrong("body", f"a form may hold at most {MAX_FIELDS} fields and one file")
        self._part = _Part()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def _on_header_end(self) -> None:
        name, value = self._header[0].decode("latin-1").lower(), bytes(self._header[1])
        if name in self._part.headers:
            # Which one counts is read differently from program to program.
            raise _wrong("body", "a part of the form has a header twice")
        self._part.headers[name] = value
        self._header = (bytearray(), bytearray())

    def _on_headers_finished(self) -> None:
        part = self._part
        disposition, options = parse_options_header(part.headers.get("content-disposition", b""))
        if disposition.lower() != b"form-data" or not options.get(b"name"):
            raise _wrong("body", "a part of the form has no name")
        part.name = self._decode("body", options[b"name"])
        part.is_file = b"filename" in options
        if part.is_file:
            filename = self._decode(f"body.{part.name}", options[b"filename"])
            declared = part.headers.get("content-type")
            self._events.append(FormFile(part.name, filename, declared.decode("latin-1") if declared else None))
            return
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise _wrong("body", f"a form may hold at most {MAX_FIELDS} fields")
        self._count_fields_bytes(len(part.name))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        if part.is_file:
            self._events.append(FileBytes(data[start:end]))
            return
        part.value += data[start:end]
        if len(part.value) > MAX_FIELD_BYTES:
            raise _wrong(f"body.{part.name}", f"a field may hold at most {MAX_FIELD_BYTES} bytes")
        self._count_fields_bytes(end - start)

    def _count_fields_bytes(self, size_bytes: int) -> None:
        self._fields_bytes += size_bytes
        if self._fields_bytes > MAX_FIELDS_BYTES:
            raise _wrong("body", f"the fields of a form may hold at most {MAX_FIELDS_BYTES} bytes together")

    def _on_part_end(self) -> None:
        part = self._part
        if part.is_file:
            self._events.append(FormFileEnd())
        else:
            self._events.append(FormField(part.name, self._decode(f"body.{part.name}", bytes(part.value))))

    def _on_end(self) -> None:
        self._ended = True

    @staticmethod
    def _decode(name: str, value: bytes) -> str:
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _wrong(name, "must be UTF-8") from error
