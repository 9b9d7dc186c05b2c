"""Text that neither PostgreSQL nor UTF-8 take gets in nowhere: not by JSON, a query, a form or a name."""

from __future__ import annotations

import json

import pytest

from tests.support.problems import problem_of

FIELDS = ("folder", "description", "metadata", "owner_id")


# How JSON, a query and a form may carry what neither PostgreSQL nor UTF-8 take.
UNSTORABLE = {"NUL": "\0", "a NUL inside": "a\0b", "a lone surrogate": "\ud800", "a lone low surrogate": "a\udfffb"}


@pytest.mark.parametrize("field", ["new_folder", "new_filename", "new_metadata", "unknown"])
@pytest.mark.parametrize("text", UNSTORABLE.values(), ids=UNSTORABLE.keys())
def test_no_unstorable_text_gets_in_by_json(alice, upload, field, text):
    """Case 77."""
    value = {"key": [text]} if field == "new_metadata" else text
    body = json.dumps({field: value})
    answer = alice.post(
        f"/files/{upload(b'some words')['id']}/copy", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    problem_of(answer)


@pytest.mark.parametrize("text", UNSTORABLE.values(), ids=UNSTORABLE.keys())
def test_no_unstorable_text_gets_in_as_the_name_of_a_field(alice, upload, text):
    """Case 77: the name of an unknown field is repeated in the answer."""
    path = f"/files/{upload(b'some words')['id']}/copy"
    for body in ({text: 1}, {"new_metadata": {text: 1}}):
        answer = alice.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
        assert answer.status_code == 422
        problem_of(answer)


@pytest.mark.parametrize("name", ["folder", "prefix", "content_type", "status", "cursor", "unknown", "limit"])
@pytest.mark.parametrize("escaped", ["%00", "a%00b", "%ED%A0%80", "%ff"])
def test_no_unstorable_text_gets_in_by_a_filter(alice, name, escaped):
    """Case 77."""
    answer = alice.get(f"/files?{name}={escaped}")
    if name == "content_type" and "00" not in escaped:
        assert answer.json()["items"] == []  # not UTF-8 was replaced while the query was read
        return
    assert answer.status_code == 422
    problem_of(answer)


@pytest.mark.parametrize("name", [*FIELDS, "checksum_sha256", "expires_at", "unknown"])
@pytest.mark.parametrize("raw", [b"\0", b"a\0b", b"\xed\xa0\x80", b"\xff"])
def test_no_unstorable_text_gets_in_by_a_form(alice, name, raw):
    """Case 77."""
    answer = alice.post("/files/upload", files={name: (None, raw), "file": ("a.txt", b"some words")})
    assert answer.status_code == 422
    problem_of(answer)


@pytest.mark.parametrize("text", ['{"a": "\\u0000"}', '{"\\u0000": 1}', '{"a": ["\\ud800"]}', '{"\\udfff": 1}'])
def test_no_unstorable_text_gets_in_by_an_escape_in_metadata(alice, text):
    """Case 77: JSONB takes no NUL, though JSON can spell it."""
    for answer in (
        alice.post("/files/upload", files={"file": ("a.txt", b"some words")}, data={"metadata": text}),
        alice.put("/files/raw/a.txt", params={"metadata": text}, content=b"some words"),
    ):
        assert answer.status_code == 422
        assert problem_of(answer)["code"] == "invalid_metadata"


@pytest.mark.parametrize("name", FIELDS)
def test_no_unstorable_text_gets_in_by_the_query_of_a_raw_upload(alice, name):
    """Case 77."""
    answer = alice.put(f"/files/raw/a.txt?{name}=a%00b", content=b"some words")
    assert answer.status_code == 422
    problem_of(answer)


@pytest.mark.parametrize("name", ["a%00b.txt", "%ED%A0%80.txt", "%ff.txt"])
def test_a_raw_uploads_name_is_kept_without_what_can_not_be_stored(alice, name):
    """Case 77: control characters are taken out of names, and what is not UTF-8 is replaced."""
    file = alice.put(f"/files/raw/{name}", content=b"some words").json()
    assert "\0" not in file["filename"]
    assert alice.get(f"/files/{file['id']}/download").content == b"some words"


def test_a_type_declared_with_a_nul_is_refused_or_forgotten(alice):
    """Case 77."""
    head = b'Content-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: text/\0plain'
    form = b"--b\r\n" + head + b"\r\n\r\nwords\r\n--b--\r\n"
    answer = alice.post("/files/upload", content=form, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.status_code in {201, 415, 422}
    assert "\\u0000" not in answer.text
