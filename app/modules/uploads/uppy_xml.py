"""The small part of S3's XML that stock Uppy reads and writes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from app.core.exceptions import Conflict, Forbidden, Gone, HoldfastError, Malformed, NotFound, TooLarge, Unauthenticated
from app.modules.uploads.exceptions import UploadIncomplete, UploadRejected
from app.modules.uploads.part_plan import MAX_PARTS
from app.modules.uploads.services.sent_parts import ClientPart

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
# What RFC 9110 lets stand in an ETag, as far as it is ASCII.
ETAG = re.compile(r"[!#-~]{1,256}")
# Three elements a part, each opened and closed, and one more that some clients add; the parser takes 3 us for each.
MAX_TAGS = 8 * MAX_PARTS + 16
QUOTES = {'"': "&quot;"}


class MalformedXml(Malformed):
    """The body is not the XML that this address takes."""

    title, code = "Malformed XML", "malformed_xml"
    detail = "The body is not the XML of a CompleteMultipartUpload with its parts."


# The words of S3, for its clients know these; whatever has none is told by our own code.
_CODES: tuple[tuple[type[HoldfastError], str], ...] = (
    (MalformedXml, "MalformedXML"),
    (Unauthenticated, "InvalidToken"),
    (Forbidden, "AccessDenied"),
    (NotFound, "NoSuchUpload"),
    (Gone, "NoSuchUpload"),
    (TooLarge, "EntityTooLarge"),
    (UploadIncomplete, "InvalidPart"),
    (UploadRejected, "UploadRejected"),
    (Conflict, "OperationAborted"),
)


def parts_of(body: bytes) -> list[ClientPart]:
    """The parts that a CompleteMultipartUpload names, in S3's namespace or none.

    Raises:
        MalformedXml: it is something else, names no part, or too many.
    """
    if body.count(b"<") > MAX_TAGS:
        raise MalformedXml
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise MalformedXml from error
    if _name(root) != "CompleteMultipartUpload" or not 1 <= len(root) <= MAX_PARTS:
        raise MalformedXml
    return [_part(element) for element in root]


def _part(element: Element) -> ClientPart:
    fields = {_name(child): (child.text or "").strip() for child in element}
    number, etag = fields.get("PartNumber", ""), fields.get("ETag", "").strip('"')
    is_number = re.fullmatch(r"[0-9]{1,5}", number) and 1 <= int(number) <= MAX_PARTS
    if _name(element) != "Part" or not is_number or not ETAG.fullmatch(etag):
        raise MalformedXml
    return ClientPart(int(number), etag)


def _name(element: Element) -> str:
    return element.tag.removeprefix(f"{{{NAMESPACE}}}")


def initiated(upload_id: str) -> str:
    """The answer to a new upload; the key is the upload's own id."""
    return _document("InitiateMultipartUploadResult", [("Key", upload_id), ("UploadId", upload_id)])


def listed(upload_id: str, parts: Sequence[tuple[int, str]]) -> str:
    """All parts, number and ETag, in one answer: it is never truncated."""
    head = [("Key", upload_id), ("UploadId", upload_id), ("IsTruncated", "false")]
    rows = "".join(f"<Part>{_fields([('PartNumber', str(number)), ('ETag', etag)])}</Part>" for number, etag in parts)
    return _document("ListPartsResult", head, rows)


def completed(upload_id: str, location: str, etag: str) -> str:
    """The answer to a completion."""
    return _document("CompleteMultipartUploadResult", [("Location", location), ("Key", upload_id), ("ETag", etag)])


def error_of(error: HoldfastError) -> tuple[int, str]:
    """Status and body for a failure. An upload whose time is over is one that isn't there, as in S3."""
    status = NotFound.status if isinstance(error, Gone) else type(error).status
    own_code = "".join(word.title() for word in type(error).code.split("_"))
    code = next((word for category, word in _CODES if isinstance(error, category)), own_code)
    # S3's error document has no namespace.
    return status, f"{DECLARATION}<Error>{_fields([('Code', code), ('Message', str(error))])}</Error>"


def _document(root: str, fields: Iterable[tuple[str, str]], rest: str = "") -> str:
    return f'{DECLARATION}<{root} xmlns="{NAMESPACE}">{_fields(fields)}{rest}</{root}>'


def _fields(fields: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<{name}>{escape(value, QUOTES)}</{name}>" for name, value in fields)
