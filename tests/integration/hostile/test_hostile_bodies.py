"""Bodies that no client sends by mistake: too deep, too long, too many, too slow; each has its answer."""

from __future__ import annotations

import pytest

from app.core.http_protocol import MAX_URL_BYTES
from tests.support.raw_http import FORM_END, FORM_TYPE, form_part, raw_connection

SOME_ID = "01890000-0000-7000-8000-000000000000"
pytestmark = [pytest.mark.usefixtures("failures"), pytest.mark.compared_once]


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


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/files/uploads"), ("PATCH", f"/files/{SOME_ID}"), ("PUT", "/files/raw/data.bin")]
)
def test_a_body_that_stops_or_drips_is_not_waited_for(start_service, monkeypatch, method, path):
    """Case 37, for bodies of JSON too."""
    monkeypatch.setattr("app.core.pace.GRACE_SECONDS", 0.2)
    with start_service(upload={"idle_timeout_seconds": 0.5}) as service:
        sent = {
            "Authorization": f"Bearer {service.token('alice')}",
            "Content-Type": "application/json",
            "Content-Length": "5000",
        }
        for piece in (b"", b" "):
            with raw_connection(service.port) as connection:
                connection.send_head(method, f"/api/v1{path}", sent)
                connection.send(b"{")
                connection.drip(piece)
                answer = connection.answer()
            assert (answer.status, answer.json()["code"]) == (408, "request_timeout")
            assert answer.headers["connection"] == "close"
