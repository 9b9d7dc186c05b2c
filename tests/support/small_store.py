"""A store of some hundred lines that keeps as much of S3 as it is told to, for what no real one does on demand.

It checks no signature, but that every header that was signed is there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

ERROR = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>-</Message></Error>"
EMPTY_LIST = "<?xml version='1.0'?><ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'/>"

BEGUN = "<?xml version='1.0'?><InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
PART_COPIED = "<?xml version='1.0'?><CopyPartResult><ETag>e</ETag></CopyPartResult>"
JOINED = "<?xml version='1.0'?><CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"
LEAST_BYTES_OF_SPANS = 5_000_000
COPIED = "<?xml version='1.0'?><CopyObjectResult><ETag>e</ETag></CopyObjectResult>"


@dataclass
class Habits:
    """What it does.

    Args:
        condition: how `If-None-Match: *` is kept: `atomic`, `in turn` (checked before the body is read) or `ignored`.
        posts: the status of every form POST.
        signed_headers_required: False lets a client leave out what was signed.
        plain_puts_fail_after: so many PUTs are answered, all later ones with 500.
        lengths_told: False sends objects without saying how long they are.
        copies: whether it copies, without knowing of tags, and by parts as AWS does: spans only of objects above 5 MB.
    """

    condition: str = "atomic"
    posts: int = 501
    signed_headers_required: bool = True
    plain_puts_fail_after: int | None = None
    lengths_told: bool = True
    copies: bool = False
    connections: int = 0
    puts: int = 0
    posted: int = 0
    objects: dict[str, bytes] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Handler(BaseHTTPRequestHandler):
    """PUT, GET, HEAD and DELETE of single objects; everything else is not implemented."""

    protocol_version = "HTTP/1.1"
    habits: Habits

    def setup(self):
        super().setup()
        with self.habits.lock:
            self.habits.connections += 1

    def handle(self):
        # A client that goes away with half of an answer is part of what is tried.
        with suppress(ConnectionError):
            super().handle()

    def finish(self):
        try:
            super().finish()
        finally:
            with self.habits.lock:
                self.habits.connections -= 1

    def do_PUT(self):
        habits, exists = self.habits, self._key in self.habits.objects
        body = self._body()
        habits.puts += 1
        if habits.plain_puts_fail_after is not None and habits.puts > habits.plain_puts_fail_after:
            return self._answer(500, ERROR.format(code="InternalError"))
        if (
            self._query
            and habits.signed_headers_required
            and not self._signed_headers <= {name.lower() for name in self.headers}
        ):
            return self._answer(403, ERROR.format(code="SignatureDoesNotMatch"))
        if habits.copies and "x-amz-copy-source" in self.headers and "x-amz-tagging-directive" not in self.headers:
            return self._copy()
        if {"partNumber", "uploads"} & self._query.keys() or "x-amz-copy-source" in self.headers:
            return self._answer(501, ERROR.format(code="NotImplemented"))
        with habits.lock:
            exists = exists if habits.condition == "in turn" else self._key in habits.objects
            if exists and "if-none-match" in self.headers and habits.condition != "ignored":
                return self._answer(412, ERROR.format(code="PreconditionFailed"))
            habits.objects[self._key] = body
        return self._answer(200, "", ETag='"e"')

    def _copy(self):
        source = self.habits.objects[unquote(f"/{self.headers['x-amz-copy-source']}")]
        if "partNumber" not in self._query:
            self.habits.objects[self._key] = source
            return self._answer(200, COPIED)
        span = self.headers.get("x-amz-copy-source-range")
        if span is not None and len(source) <= LEAST_BYTES_OF_SPANS:
            return self._answer(400, ERROR.format(code="InvalidRequest"))
        first, last = (0, len(source) - 1) if span is None else map(int, span.removeprefix("bytes=").split("-"))
        self.habits.objects[self._key] = self.habits.objects.get(self._key, b"") + source[first : last + 1]
        return self._answer(200, PART_COPIED)

    def do_GET(self):
        if {"versioning", "uploads", "versions"} & self._query.keys():
            return self._answer(501, ERROR.format(code="NotImplemented"))
        if "list-type" in self._query:
            return self._answer(200, EMPTY_LIST)
        if not self.habits.lengths_told:
            return self._answer_in_chunks(self.habits.objects[self._key])
        return self._answer(200, self.habits.objects[self._key].decode("latin-1"), encoding="latin-1")

    def do_HEAD(self):
        is_there = self._key in self.habits.objects
        self._answer(200 if is_there else 404, "", ETag='"e"', **{"Last-Modified": self.date_time_string(time.time())})

    def do_DELETE(self):
        self.habits.objects.pop(self._key, None)
        self._answer(204, "")

    def do_POST(self):
        self._body()
        if self.habits.copies:
            return self._answer(200, BEGUN if "uploads" in self._query else JOINED)
        self.habits.posted += 1
        status = 501 if "uploads" in self._query else self.habits.posts
        return self._answer(status, ERROR.format(code="NotImplemented"))

    def log_message(self, *_arguments):
        """Say nothing."""

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    @property
    def _key(self) -> str:
        return unquote(urlsplit(self.path).path)

    @property
    def _query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.path).query, keep_blank_values=True)

    @property
    def _signed_headers(self) -> set[str]:
        return set(self._query.get("X-Amz-SignedHeaders", ["host"])[0].split(";"))

    def _answer_in_chunks(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))

    def _answer(self, status: int, text: str, *, encoding: str = "utf-8", **headers: str) -> None:
        body = text.encode(encoding)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Server(ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True


@contextmanager
def small_store(**habits) -> Iterator[tuple[str, Habits]]:
    """Serve on loopback until the block ends; gives its address and what it holds."""
    told = Habits(**habits)
    server = Server(("127.0.0.1", 0), type("Told", (Handler,), {"habits": told}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
