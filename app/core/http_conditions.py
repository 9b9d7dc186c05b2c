"""Range and conditional requests (RFC 9110), as pure functions on header values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from app.core.exceptions import Stale, UnsatisfiableRange

MAX_HEADER_CHARACTERS = 256
ONE_RANGE = re.compile(r"bytes=\s*(?:(\d+)-(\d*)|-(\d+))\s*", re.IGNORECASE)


@dataclass(frozen=True)
class ByteRange:
    """Bytes `first` to `last`, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """How many bytes that is."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class Validators:
    """What conditions are compared with: a strong ETag, quotes included, and a time in UTC."""

    etag: str
    last_modified: datetime

    @property
    def http_date(self) -> str:
        """The time as HTTP writes it, to the second."""
        return format_datetime(self.last_modified.astimezone(UTC).replace(microsecond=0), usegmt=True)


def parse_range(header: str | None, size_bytes: int) -> ByteRange | None:
    """The one range asked for; None where the whole is to be sent.

    Several ranges and what can't be parsed are answered with the whole, as RFC 9110 permits.

    Raises:
        UnsatisfiableRange: it begins behind the last byte.
    """
    if header is None or len(header) > MAX_HEADER_CHARACTERS:
        return None
    match = ONE_RANGE.fullmatch(header.strip())
    if match is None:
        return None
    start, end, suffix = match.groups()
    if suffix is not None:
        first, last = max(0, size_bytes - int(suffix)), size_bytes - 1
        is_satisfiable = int(suffix) > 0 and size_bytes > 0
    else:
        first = int(start)
        last = min(int(end), size_bytes - 1) if end else size_bytes - 1
        if end and int(end) < first:
            return None
        is_satisfiable = first < size_bytes
    if not is_satisfiable:
        raise UnsatisfiableRange(
            "The range begins behind the file's last byte.", headers={"Content-Range": f"bytes */{size_bytes}"}
        )
    return ByteRange(first, last)


def matches_etag(header: str, etag: str, *, weak: bool) -> bool:
    """Whether an If-Match or If-None-Match header names this ETag."""
    if header.strip() == "*":
        return True
    listed = [item.strip() for item in header.split(",")]
    return etag in ([item.removeprefix("W/") for item in listed] if weak else listed)


def _time(header: str | None) -> datetime | None:
    if not header:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def is_unchanged(headers: Mapping[str, str], validators: Validators) -> bool:
    """Whether the client's copy is still good, so that 304 is the answer."""
    none_match = headers.get("if-none-match")
    if none_match is not None:
        return matches_etag(none_match, validators.etag, weak=True)
    since = _time(headers.get("if-modified-since"))
    return since is not None and validators.last_modified.replace(microsecond=0) <= since


def require_match(headers: Mapping[str, str], validators: Validators) -> None:
    """Check If-Match and If-Unmodified-Since.

    Raises:
        Stale: the content is not the one that the client means.
    """
    match = headers.get("if-match")
    since = _time(headers.get("if-unmodified-since"))
    if match is not None:
        if not matches_etag(match, validators.etag, weak=False):
            raise Stale("The content has changed; read it again.")
    elif since is not None and validators.last_modified.replace(microsecond=0) > since:
        raise Stale("The content has changed; read it again.")


def applicable_range(headers: Mapping[str, str], validators: Validators, size_bytes: int) -> ByteRange | None:
    """The range to send, after If-Range: a part of an old version must not be joined to a new one."""
    if_range = headers.get("if-range")
    if if_range is not None:
        is_same = if_range.strip() == validators.etag or if_range.strip() == validators.http_date
        if not is_same:
            return None
    return parse_range(headers.get("range"), size_bytes)
