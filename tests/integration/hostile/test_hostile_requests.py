"""Requests that no client sends by mistake: each is answered, briefly, and nothing of it is kept."""

from __future__ import annotations

import resource

import pytest
from structlog.testing import capture_logs

from app.core.http_protocol import MAX_HEAD_BYTES, MAX_HEADERS, MAX_URL_BYTES
from tests.support.raw_http import FORM_END, FORM_TYPE, form_part, raw_connection
from tests.support.service import wait_until

SOME_ID = "01890000-0000-7000-8000-000000000000"
FILES = "/api/v1/files"
RAW = f"{FILES}/raw/a.txt"
pytestmark = [pytest.mark.usefixtures("failures"), pytest.mark.compared_once]
MEMBERS = {"type", "title", "status", "detail", "code", "request_id", "message"}


@pytest.fixture
def failures():
    """What the service logged as failed by the end; none may."""
    with capture_logs() as log:
        yield
    assert [entry["event"] for entry in log if entry["log_level"] in {"error", "critical"}] == []


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


def deep(depth: int, bracket: str = "[") -> str:
    return bracket * depth + "1" + {"[": "]", '{"a":': "}"}[bracket] * depth


DIGITS = "9" * 5_000
BODIES = {
    "arrays in arrays": deep(100_000),
    "objects in objects": deep(100_000, '{"a":'),
    "arrays without end": "[" * 500_000,
    "a number of 5,000 digits": DIGITS,
    "a long number inside": f'{{"expiry": {DIGITS}}}',
    "a number beyond all floats": '{"expiry": 1e999999}',
    "not UTF-8": b"\xff\xfe",
    "half a surrogate": b'"\xed\xa0\x80"',
    "a NUL": b"\0",
    "nothing but spaces": b" " * 1000,
}
ROUTES = [
    ("POST", f"/files/{SOME_ID}/copy"),
    ("PATCH", f"/files/{SOME_ID}"),
    ("POST", "/files/uploads"),
    ("POST", f"/files/uploads/{SOME_ID}/parts"),
    ("POST", f"/files/uploads/{SOME_ID}/complete"),
    ("POST", "/files/presigned-urls"),
    ("POST", "/files/batch"),
    ("POST", "/files/uppy/sign"),
    ("POST", "/keys"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_json_that_nobody_could_mean_is_refused(alice, method, path, body):
    content = body if isinstance(body, bytes) else body.encode()
    answer = alice.request(method, path, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert len(answer.content) < 4_096


@pytest.mark.parametrize("depth", [1, 15, 17, 60, 200, 400, 800, 900, 950, 1_000, 3_000, 20_000])
@pytest.mark.parametrize("bracket", ["[", '{"a":'])
def test_metadata_of_any_depth_has_an_answer(alice, upload, depth, bracket):
    """Deeper than is stored, yet not so deep that the parser gives up; the stack has its own idea of that."""
    file = upload(b"some words")
    value = f'{{"a": {deep(depth, bracket)}}}'
    wanted = 422 if depth > 15 else 200
    as_json = {"Content-Type": "application/json"}
    patched = alice.patch(f"/files/{file['id']}", content=f'{{"metadata": {value}}}', headers=as_json)
    assert patched.status_code == wanted
    copied = alice.post(f"/files/{file['id']}/copy", content=f'{{"new_metadata": {value}}}', headers=as_json)
    assert copied.status_code == (422 if depth > 15 else 201)
    if len(value) < MAX_URL_BYTES // 4:
        listed = alice.get("/files", params={"metadata": value})
        assert listed.status_code == wanted
    if depth > 15:
        form = alice.post("/files/upload", data={"metadata": value}, files={"file": ("a.txt", b"words")})
        assert form.status_code == 422


def test_huge_numbers_in_a_query_are_refused(alice):
    for name in ("limit", "min_size", "max_size"):
        for number in (DIGITS, f"-{DIGITS}", "9" * 40, "1e400", "٣" * 30):
            assert alice.get("/files", params={name: number}).status_code == 422
    assert alice.get(f"/files/{SOME_ID}/presigned-url", params={"expiry": DIGITS}).status_code == 422


def test_numbers_that_metadata_hardly_holds_have_an_answer(alice, upload):
    file = upload(b"some words")
    for number in ("9" * 40, "-" + "9" * 4_000, "0." + "1" * 400, "1e308", "1e309", "-0"):
        answer = alice.patch(
            f"/files/{file['id']}",
            content=f'{{"metadata": {{"n": {number}}}}}',
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code in {200, 422}
        assert alice.get(f"/files/{file['id']}").status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        form_part("file", b"x", "a.txt") * 2 + FORM_END,
        b"".join(form_part(f"f{n}", b"x") for n in range(1_000)) + FORM_END,
        form_part("description", b"x" * 100_000) + form_part("file", b"x", "a.txt") + FORM_END,
        b"--raw-boundary\r\n" + b"X-A: b\r\n" * 1_000 + b"\r\nx\r\n" + FORM_END,
        form_part("a" * 100_000, b"x") + FORM_END,
        b"--raw-boundary\r\nContent-Disposition: form-data" + b"; a" * 2_000 + b"\r\n\r\nx\r\n" + FORM_END,
        b"\r\n" * 100_000 + form_part("file", b"x", "a.txt") + FORM_END,
        b"",
        b"--raw-boundary",
    ],
    ids=["two files", "fields", "a field", "headers", "a name", "parameters", "a preamble", "nothing", "half a one"],
)
def test_a_form_that_is_too_much_is_refused(alice, form):
    answer = alice.post("/files/upload", content=form, headers={"Content-Type": FORM_TYPE})
    assert answer.status_code in {400, 422}
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_service_that_was_attacked_still_serves(alice, service):
    wait_until(lambda: len(service.app.state.upload_slots._taken) == 0)
    assert alice.get("/files").status_code == 200
