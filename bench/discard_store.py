"""An S3 server that throws bytes away: with it, what is left to measure is the service's own cost.

Run: python -m bench.discard_store PORT
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

BUFFER_BYTES = 1 << 20


class Discard(BaseHTTPRequestHandler):
    """Remembers only how large each object is, so that a HEAD tells the truth."""

    protocol_version = "HTTP/1.1"
    sizes: ClassVar[dict[str, int]] = {}

    def _drain(self) -> int:
        left = total = int(self.headers.get("Content-Length", 0))
        buffer = bytearray(min(BUFFER_BYTES, left))
        while left:
            left -= self.rfile.readinto(memoryview(buffer)[: min(left, BUFFER_BYTES)])
        return total

    def _answer(self, body: str = "", *, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("ETag", '"discarded"')
        self.send_header("Last-Modified", "Sat, 21 Nov 2026 00:00:00 GMT")
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body.encode())

    def do_PUT(self) -> None:
        """An object, or a part that adds to one."""
        parts, size = urlsplit(self.path), self._drain()
        is_part = "uploadId" in parse_qs(parts.query)
        self.sizes[parts.path] = size + (self.sizes.get(parts.path, 0) if is_part else 0)
        self._answer()

    def do_POST(self) -> None:
        """Begin or complete a multipart upload."""
        self._drain()
        if "uploads" in parse_qs(urlsplit(self.path).query, keep_blank_values=True):
            self._answer("<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>")
        else:
            self._answer("<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")

    def do_HEAD(self) -> None:
        """How large an object is."""
        self._answer(length=self.sizes.get(urlsplit(self.path).path, 0))

    do_GET = do_DELETE = do_HEAD

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Discard).serve_forever()
