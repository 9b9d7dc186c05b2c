"""An S3 server that holds nothing and lists as many keys as it is told, in real ListObjectsV2 pages.

Run: python -m bench.listing_store PORT KEYS. It leaves five of them out and adds five that nobody knows.
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

PAGE_KEYS = 1000
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
DIFFERENCES = 5


def key_of(number: int) -> str:
    """As long as keys of the service are, in the order of their numbers."""
    return f"documents/2026/11/21/{number:08d}-0000-4000-8000-000000000000_quarterly_report.pdf"


def left_out(total: int) -> set[int]:
    """Numbers that the ledger has and the bucket hasn't."""
    return {number * total // DIFFERENCES + 7 for number in range(DIFFERENCES)}


def strange_after(total: int) -> set[int]:
    """Numbers behind which an object lies that no row knows."""
    return {number * total // DIFFERENCES + 11 for number in range(DIFFERENCES)}


class Listing(BaseHTTPRequestHandler):
    """GET of the bucket, HEAD of the bucket and of single objects."""

    protocol_version = "HTTP/1.1"
    total: ClassVar[int] = 0

    def do_GET(self) -> None:
        """A page, or the answer that there is nothing of the kind."""
        query = {
            name: values[0] for name, values in parse_qs(urlsplit(self.path).query, keep_blank_values=True).items()
        }
        if "versioning" in query:
            self._answer(f"{XML}<VersioningConfiguration {NAMESPACE}/>")
        elif "uploads" in query:
            self._answer(f"{XML}<ListMultipartUploadsResult {NAMESPACE}><IsTruncated>false</IsTruncated>"
                         "</ListMultipartUploadsResult>")  # fmt: skip
        else:
            self._answer(self._page(int(query.get("continuation-token", 0))))

    def do_HEAD(self) -> None:
        """The bucket is there; so is every object but those that were left out."""
        _, _, key = self.path.partition("documents/")
        is_gone = bool(key) and f"documents/{key}" in {key_of(number) for number in left_out(self.total)}
        self.send_response(404 if is_gone else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _page(self, begin: int) -> str:
        end = min(begin + PAGE_KEYS - DIFFERENCES, self.total)
        missing, strange = left_out(self.total), strange_after(self.total)
        keys: list[str] = []
        for number in range(begin, end):
            if number not in missing:
                keys.append(key_of(number))
            if number in strange:
                keys.append(f"{key_of(number)}.of-nobody")
        more = end < self.total
        token = f"<NextContinuationToken>{end}</NextContinuationToken>" if more else ""
        items = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-20T10:30:00.000Z</LastModified>"
            '<ETag>"5d41402abc4b2a76b9719d911017c592"</ETag><Size>182044</Size>'
            "<StorageClass>STANDARD</StorageClass></Contents>"
            for key in keys
        )
        return (
            f"{XML}<ListBucketResult {NAMESPACE}><Name>bench</Name><Prefix/><MaxKeys>{PAGE_KEYS}</MaxKeys>"
            f"<KeyCount>{len(keys)}</KeyCount><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"<EncodingType>url</EncodingType>{token}{items}</ListBucketResult>"
        )

    def _answer(self, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    Listing.total = int(sys.argv[2])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Listing).serve_forever()
