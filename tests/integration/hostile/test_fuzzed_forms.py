"""Any bytes at all as an upload, over real sockets: an answer each, a problem or a file, and nothing left over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.forms import (
    BOUNDARY,
    DISPOSITION,
    END,
    FORM,
    OPENING,
    begun_soup,
    cut,
    file_part,
    fuzz,
    mutated,
    part,
    places,
    soup,
)
from tests.support.raw_http import RawAnswer, raw_connection

pytestmark = pytest.mark.compared_once

ANSWERS = {201, 400, 413, 415, 422}
CHUNK = 65_536
# So that a service that never answers fails the test instead of holding the suite.
PATIENCE_SECONDS = 30.0


@pytest.fixture(scope="module")
def send(service):
    """Sends a body as an upload, declared or in chunks; returns the answer."""
    token = service.token("fuzzer")

    def send(*pieces: bytes, framing: str = "declared", content_type: str | None = None) -> RawAnswer:
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": content_type or f"multipart/form-data; boundary={BOUNDARY.decode()}",
        }
        if framing == "declared":
            headers["Content-Length"] = str(sum(map(len, pieces)))
        else:
            headers["Transfer-Encoding"] = "chunked"
        with raw_connection(service.port, timeout_seconds=PATIENCE_SECONDS) as connection:
            connection.send_head("POST", "/api/v1/files/upload", headers)
            try:
                for piece in filter(None, pieces):
                    (connection.send if framing == "declared" else connection.send_chunk)(piece)
                if framing == "chunked":
                    connection.send_chunk(b"")
            except (BrokenPipeError, ConnectionResetError):
                """Refused before the end; the answer is there all the same."""
            return connection.answer()

    return send


def told(answer: RawAnswer) -> str:
    """The code of a problem; every refusal is a whole one."""
    assert answer.status in ANSWERS, answer
    if answer.status == 201:
        return "stored"
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status
    assert problem["detail"]
    assert (answer.status == 422) <= bool(problem.get("errors") or problem["code"] != "validation_error")
    return problem["code"]


@fuzz(120)
@given(body=soup | begun_soup | mutated(), at=places, framing=st.sampled_from(("declared", "chunked")))
def test_any_body_gets_its_answer(send, body, at, framing):
    """Case 36."""
    told(send(*cut(body, at), framing=framing))


@fuzz(60)
@given(header=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80))
def test_any_content_type_gets_its_answer(send, header):
    assert told(send(FORM, content_type=f"multipart/form-data; {header}")) in {"validation_error", "stored"}


@pytest.mark.parametrize("framing", ["declared", "chunked"])
def test_a_form_cut_at_any_byte_is_truncated(send, framing):
    """Case 35: told at the end of a body that says it is whole, so nobody takes it for a network's failure."""
    for kept in range(0, len(FORM) - 2, 3 if framing == "declared" else 17):
        answer = send(FORM[:kept], framing=framing)
        assert (answer.status, told(answer)) == (400, "truncated_body"), kept
    assert told(send(FORM[:-2], framing=framing)) == "stored"


# What it is: the body, and the code of its answer.
BODIES = {
    "nothing": (b"", "truncated_body"),
    "a megabyte in front": (b"x" * 1_000_000 + FORM, "validation_error"),
    "line ends in front": (b"\r\n" * 500_000 + FORM, "validation_error"),
    "a megabyte behind": (FORM + b"x" * 1_000_000, "validation_error"),
    "a line end behind": (FORM + b"\r\n", "stored"),
    "10,000 headers": (
        part(b'name="a"', b"x", *(b"X-%d: y" % number for number in range(10_000))) + END, "validation_error"
    ),
    "one header of a megabyte": (part(b'name="a"', b"x", b"X: " + b"y" * 1_000_000) + END, "validation_error"),
    "10,000 parts": (b"".join(part(b'name="f%d"' % n, b"x") for n in range(10_000)) + END, "validation_error"),
    "10,000 files": (file_part(b"x") * 10_000 + END, "validation_error"),
    "100,000 quotes": (part(b'name="' + b'"' * 100_000, b"x") + END, "validation_error"),
    "8,000 quotes and semicolons": (part(b'name="' + b'";' * 4_000, b"x") + END, "validation_error"),
    "8,000 escaped quotes": (part(b'name="file"; filename="' + b'\\"' * 3_900 + b'.txt"', b"x") + END, "stored"),
    "a name of 8,000 characters": (file_part(b"x", b"a" * 8_000 + b".txt") + END, "stored"),
    "a boundary in the file, 100,000 times": (
        file_part((b"\r\n" + OPENING + b"x") * 100_000) + END, "validation_error"
    ),
    "a megabyte of spaces behind a boundary": (file_part(b"x") + OPENING + b" " * 1_000_000, "validation_error"),
    "the same field twice": (part(b'name="folder"', b"a") * 2 + file_part(b"x") + END, "validation_error"),
    "the same field before and behind the file": (
        part(b'name="folder"', b"a") + file_part(b"x") + part(b'name="folder"', b"b") + END, "validation_error"
    ),
    "two files": (file_part(b"x") * 2 + END, "validation_error"),
    "a file under another name": (part(b'name="upload"; filename="a.txt"', b"x") + END, "validation_error"),
    "a file that is a field": (part(b'name="file"', b"x") + END, "validation_error"),
    "a file by its extended name": (part(b'name="file"; filename*=UTF-8\'\'a.txt', b"x") + END, "validation_error"),
    "a field that nobody knows": (part(b'name="colour"', b"red") + file_part(b"x") + END, "validation_error"),
    "a field named like an attribute": (part(b'name="__class__"', b"x") + file_part(b"x") + END, "validation_error"),
    "a list by brackets": (part(b'name="folder[]"', b"a") + file_part(b"x") + END, "validation_error"),
    "Latin-1 in a field": (part(b'name="description"', b"\xe9") + file_part(b"x") + END, "validation_error"),
    "another charset, declared": (
        part(b'name="_charset_"', b"iso-8859-1") + part(b'name="description"', b"\xe9") + file_part(b"x") + END,
        "validation_error",
    ),
    "UTF-16 in a field": (part(b'name="folder"', "a".encode("utf-16")) + file_part(b"x") + END, "validation_error"),
    "a form within the form": (
        part(b'name="file"; filename="a.txt"', FORM.replace(BOUNDARY, b"b"), b"Content-Type: multipart/mixed") + END,
        "content_type_not_allowed",
    ),
    "base64 by its header: kept as it is": (
        part(b'name="file"; filename="a.txt"', b"PGh0bWw+", b"Content-Transfer-Encoding: base64") + END, "stored"
    ),
    "bare line feeds": (FORM.replace(b"\r\n", b"\n"), "validation_error"),
    "bare carriage returns": (FORM.replace(b"\r\n", b"\r"), "validation_error"),
    "a folded header": (
        OPENING + b"\r\n" + DISPOSITION + b'name="file";\r\n filename="a.txt"\r\n\r\nx\r\n' + END, "validation_error"
    ),
    "JSON": (b'{"file": "x"}' + b" " * 100, "validation_error"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "code"), BODIES.values(), ids=BODIES)
def test_a_strange_body_gets_its_answer(send, body, code):
    """Case 36."""
    assert told(send(*(body[at : at + CHUNK] for at in range(0, len(body), CHUNK)))) == code


@pytest.mark.parametrize(
    ("content_type", "code"),
    [
        ("multipart/form-data", "validation_error"),
        ("multipart/form-data; boundary=", "validation_error"),
        ('multipart/form-data; boundary=""', "validation_error"),
        (f"multipart/form-data; boundary={'b' * 300}", "validation_error"),
        ("multipart/mixed; boundary=" + BOUNDARY.decode(), "validation_error"),
        ("text/html", "validation_error"),
        ("multipart/form-data; boundary=other", "validation_error"),
        (f'Multipart/Form-Data; charset=utf-7; boundary="{BOUNDARY.decode()}"', "stored"),
        (f"multipart/form-data; boundary=other; boundary={BOUNDARY.decode()}", "stored"),
        (f"multipart/form-data; boundary*=UTF-8''other; boundary={BOUNDARY.decode()}", "stored"),
        ("multipart/form-data; " + "a=b;" * 10_000 + f"boundary={BOUNDARY.decode()}", "stored"),
    ],
    ids=range(11),
)
def test_a_strange_content_type_gets_its_answer(send, content_type, code):
    assert told(send(FORM, content_type=content_type)) == code


def test_a_body_without_end_is_not_waited_for(send):
    """What stands behind the form's end is no file, so no limit of files would ever end it."""
    assert told(send(FORM, *[b"x" * CHUNK] * 10_000, framing="chunked")) == "validation_error"
