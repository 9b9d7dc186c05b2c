"""Requests that no client sends by mistake: each is answered, briefly, and nothing of it is kept."""

from __future__ import annotations

import resource

import pytest

from app.core.http_refusals import MAX_HEAD_BYTES, MAX_HEADERS, MAX_URL_BYTES
from tests.support.raw_http import raw_connection
from tests.support.service import wait_until

SOME_ID = "01890000-0000-7000-8000-000000000000"
FILES = "/api/v1/files"
RAW = f"{FILES}/raw/a.txt"
pytestmark = [pytest.mark.usefixtures("failures"), pytest.mark.compared_once]
MEMBERS = {"type", "title", "status", "detail", "code", "request_id", "message"}


@pytest.fixture
def raw(service):
    """Send bytes; gives the answer, a problem or a success."""

    def ask(sent: bytes):
        with raw_connection(service.port, timeout_seconds=20) as connection:
            connection.send(sent.replace(b"{token}", service.token("alice").encode()))
            return connection.answer()

    return ask


def head(method: str, path: str, *lines: str) -> bytes:
    fixed = ("Host: localhost", "Authorization: Bearer {token}")
    return "\r\n".join([f"{method} {path} HTTP/1.1", *fixed, *lines, "", ""]).encode("latin-1")


def assert_problem(answer, status: int, code: str) -> None:
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().keys() - {"errors"} == MEMBERS
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: -1"],
        ["Content-Length: +5"],
        ["Content-Length: 5, 5"],
        ["Content-Length: 0x5"],
        ["Content-Length: five"],
        ["Content-Length: 5 5"],
        ["Content-Length: 5.0"],
        ["Content-Length: \u00b2"],
        ["Content-Length:"],
        ["Content-Length: 99999999999999999999999"],
        ["Content-Length: 5", "Content-Length: 5"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
        ["Transfer-Encoding: gzip"],
        ["Transfer-Encoding: chunked, gzip"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        ["Transfer-Encoding : chunked"],
        ["X-Folded: a", " b: c"],
        ["X\0Name: a"],
        ["X-Name: a\0b"],
        ["NoColon"],
    ],
)
def test_a_length_or_framing_that_could_be_read_in_two_ways_is_refused(raw, lines):
    answer = raw(head("PUT", RAW, *lines) + b"words")
    assert_problem(answer, 400, "malformed_request")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    "chunk", [b"-5\r\nwords\r\n", b"zz\r\nwords\r\n", b"5\r\nwordsX\r\n", b"ffffffffffffffffff\r\n"]
)
def test_a_chunk_that_is_none_is_refused(raw, chunk):
    assert_problem(raw(head("PUT", RAW, "Transfer-Encoding: chunked") + chunk), 400, "malformed_request")


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n",
        b"get / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT files:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_what_is_no_request_of_http_1_1_is_refused(raw, sent):
    assert raw(sent).status in {400, 404}


@pytest.mark.parametrize("upgrade", ["websocket", "h2c", "TLS/1.0"])
def test_an_upgrade_that_is_not_offered_is_passed_over(raw, upgrade):
    answer = raw(head("GET", FILES, f"Upgrade: {upgrade}", "Connection: Upgrade"))
    assert answer.status == 200


def test_requests_on_one_connection_are_answered_one_by_one(service):
    with raw_connection(service.port) as connection:
        one = head("GET", FILES).replace(b"{token}", service.token("alice").encode())
        connection.send(one + b"nonsense\r\n\r\n")
        assert connection.answer().status in {200, 400}


@pytest.mark.parametrize("count", [MAX_HEADERS + 1, 5_000])
def test_too_many_headers_are_refused(raw, count):
    assert_problem(raw(head("GET", FILES, *(f"X-{n}: a" for n in range(count)))), 431, "headers_too_large")


@pytest.mark.parametrize("size", [MAX_HEAD_BYTES, 1_000_000])
def test_a_header_that_is_too_long_is_refused(raw, size):
    assert_problem(raw(head("GET", FILES, f"X-Long: {'a' * size}")), 431, "headers_too_large")


def test_as_many_headers_as_are_allowed_are_taken(raw):
    lines = [f"X-{n}: a" for n in range(MAX_HEADERS - 3)]
    assert raw(head("GET", FILES, *lines, f"X-Long: {'a' * (MAX_HEAD_BYTES - 4096)}")).status == 200


def memory_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize(
    "endless",
    [b"GET / HTTP/1.1\r\nX-Endless: ", b"GET / HTTP/1.1\r\n", b"GET /", b"\r\n", b"PUT / HTTP/1.1\r\n%trailer%"],
    ids=["a header", "a header's name", "an address", "empty lines", "a trailer"],
)
def test_what_has_no_end_is_not_waited_for(service, endless):
    """llhttp itself would keep it all."""
    before = memory_mebibytes()
    opening, filling = endless, b"a" * 65_536
    if endless == b"\r\n":
        opening, filling = b"", b"\r\n" * 32_768
    if endless.endswith(b"%trailer%"):
        bearer = f"Bearer {service.token('alice')}"
        lines = f"Host: a\r\nAuthorization: {bearer}\r\nTransfer-Encoding: chunked\r\n\r\n"
        opening = f"PUT {RAW} HTTP/1.1\r\n{lines}1\r\na\r\n0\r\nX-Endless: ".encode()
    with raw_connection(service.port) as connection:
        connection.send(opening)
        try:
            for _ in range(1_000):
                connection.send(filling)
        except OSError:
            pass
        else:
            raise AssertionError("64 MB of it were taken")
    assert memory_mebibytes() - before < 16


def test_an_address_that_is_too_long_is_refused(raw):
    assert_problem(raw(head("GET", f"{FILES}?q={'a' * MAX_URL_BYTES}")), 414, "uri_too_long")


def test_a_head_that_does_not_arrive_is_not_waited_for(start_service, monkeypatch):
    monkeypatch.setattr("app.core.http_protocol.HEAD_SECONDS", 0.3)
    with start_service() as service:
        with raw_connection(service.port) as silent:
            answer = silent.answer()
        assert (answer.status, answer.json()["code"]) == (408, "request_timeout")
        with raw_connection(service.port) as slow:
            slow.send(b"GET /health HTTP/1.1\r\nX-Slow: ")
            assert slow.answer().status == 408
        with raw_connection(service.port) as connection:
            for _ in range(2):
                connection.send(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
                assert connection.answer().status == 200


def test_a_service_that_was_attacked_still_serves(alice, service):
    wait_until(lambda: service.app.state.transfers.uploads.shares.callers == 0)
    assert alice.get("/files").status_code == 200
