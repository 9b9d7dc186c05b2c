"""What a file is, is told from its bytes: what people send is taken, what is something else is refused."""

from __future__ import annotations

import io
import zipfile

import pytest

from app.config import MEBIBYTE
from tests import samples
from tests.support.raw_http import raw_connection

PART_BYTES = 8 * MEBIBYTE
DOCX = f"{samples.OOXML}.wordprocessingml.document"
XLSX = f"{samples.OOXML}.spreadsheetml.sheet"


def grown(archive: bytes, name: str) -> bytes:
    """The archive with one more entry, large enough to push its directory out of the first part."""
    out = io.BytesIO(archive)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_STORED) as opened:
        opened.writestr(name, bytes(PART_BYTES + 1000))
    return out.getvalue()


@pytest.mark.parametrize(
    ("filename", "content", "declared", "stored"),
    [
        ("letter.docx", samples.docx(), None, DOCX),
        ("letter.docx", samples.docx(), "application/octet-stream", DOCX),
        ("sheet.xlsx", samples.xlsx(), "application/zip", XLSX),
        ("old.doc", samples.doc(), "application/msword", "application/msword"),
        ("people.csv", b"id;name\n1;Ada\n", "application/vnd.ms-excel", "text/csv"),
        ("people.csv", "id,name\n".encode("utf-16"), None, "text/csv"),
        ("data.json", samples.long_json(), "application/json", "application/json"),
        ("photo.JPG", samples.jpeg(), "image/jpg", "image/jpeg"),
        ("archive.zip", samples.plain_zip(), "application/x-zip-compressed", "application/zip"),
        ("drawing.svg", samples.svg(), "image/svg+xml", "image/svg+xml"),
        ("film.mp4", samples.mp4(), "video/mp4", "video/mp4"),
    ],
)
def test_what_people_send_is_taken(alice, filename, content, declared, stored):
    """Cases 64, 65, 66, 68."""
    answer = alice.post("/files/upload", files={"file": (filename, content, declared)})
    assert answer.status_code == 201, answer.text
    assert answer.json()["content_type"] == stored
    assert alice.get(f"/files/{answer.json()['id']}/download").headers["Content-Type"].startswith(stored)


@pytest.mark.parametrize(
    ("filename", "content", "declared", "code"),
    [
        ("run.exe", samples.pe(), None, "extension_not_allowed"),
        ("shell.php.jpg", samples.jpeg(), None, "extension_not_allowed"),
        ("README", b"text", None, "extension_not_allowed"),
        ("page.png", samples.HTML, "image/png", "content_type_mismatch"),
        ("page.txt", samples.HTML, "text/plain", "content_type_mismatch"),
        ("tool.pdf", samples.elf(), "application/pdf", "content_type_mismatch"),
        ("letter.docx", samples.plain_zip(), None, "content_type_mismatch"),
        ("letter.docx", samples.docm(), None, "content_type_mismatch"),
        ("a.pdf", samples.pdf(), "image/png", "content_type_mismatch"),
        ("a.pdf", samples.pdf(), "text/html", "content_type_not_allowed"),
    ],
)
def test_what_is_something_else_is_refused_and_leaves_nothing(alice, filename, content, declared, code):
    """Cases 41, 50, 65, 67."""
    answer = alice.post("/files/upload", files={"file": (filename, content, declared)})
    assert (answer.status_code, answer.json()["code"]) == (415, code), answer.text


def test_svg_is_refused_unless_it_is_allowed_by_name(start_service):
    """Case 66."""
    with start_service(store={"allowed_extensions": ["png"]}) as service, service.client("alice") as client:
        answer = client.post("/files/upload", files={"file": ("a.svg", samples.svg(), "image/svg+xml")})
    assert (answer.status_code, answer.json()["code"]) == (415, "extension_not_allowed")


def test_a_large_docx_is_judged_by_its_central_directory_before_it_becomes_visible(alice):
    """Case 64: the head of a large ZIP says little; its end, in the last part, decides."""
    good = grown(samples.docx(), "word/media/image1.bin")
    bad = grown(samples.docx(), "word/vbaProject.bin")
    taken = alice.post("/files/upload", files={"file": ("large.docx", good)})
    refused = alice.post("/files/upload", files={"file": ("large.docx", bad)})
    assert (taken.status_code, taken.json()["content_type"]) == (201, DOCX)
    assert (refused.status_code, refused.json()["code"]) == (415, "content_type_mismatch")


def test_a_wrong_name_is_refused_before_the_body_is_asked_for(service):
    """Case 30."""
    with raw_connection(service.port) as connection:
        headers = {"Expect": "100-continue", "Content-Length": "50000000"}
        credential = {"Authorization": f"Bearer {service.token('alice')}"}
        connection.send_head("PUT", "/api/v1/files/raw/run.exe", headers | credential)
        answer = connection.answer()
    assert (answer.status, answer.json()["code"]) == (415, "extension_not_allowed")
