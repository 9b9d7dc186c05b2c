"""Mislabelled files: refused through the service and directly, or kept as what a browser can't be made to run."""

from __future__ import annotations

import httpx
import pytest

from app.modules.files.content import presigned_type
from tests.integration.hostile.files import DECLARED, FILES, OTHER, TYPE
from tests.support.browsers import may_be_a_script_elsewhere, what_a_browser_does
from tests.support.direct import begin, complete, send

pytestmark = pytest.mark.compared_once


def made(content) -> bytes:
    return content() if callable(content) else content


def judged(answer: httpx.Response) -> object:
    """The stored type, or the code of the refusal."""
    return answer.json()["content_type" if answer.status_code == 201 else "code"]


def all_answers(client: httpx.Client, file_id: str) -> dict[str, httpx.Response]:
    """Every way to open a file."""
    path, urls = f"/files/{file_id}/download", f"/files/{file_id}/presigned-url"
    return {
        "proxied": client.get(path, params={"as_attachment": False}),
        "a range": client.get(path, headers={"Range": "bytes=0-3"}),
        "its head": client.head(path),
        "unchanged": client.get(path, headers={"If-None-Match": "*"}),
        "presigned": httpx.get(client.get(urls).json()["url"]),
        "redirected": httpx.get(client.get(path, params={"redirect": True}).headers["Location"]),
        "presigned in a batch": httpx.get(
            client.post("/files/presigned-urls", json={"ids": [file_id]}).json()["results"][0]["url"]["url"]
        ),
    }


def check_opened(client: httpx.Client, file_id: str, media_type: str, doing: str) -> None:
    """Cases 58 and 67: the same safe headers, whichever way it is opened."""
    for way, answer in all_answers(client, file_id).items():
        assert answer.status_code in {200, 206, 304}, way
        if way != "unchanged":
            told = presigned_type(media_type) if "signed" in way or way == "redirected" else media_type
            assert answer.headers["Content-Type"] == told, way
            assert what_a_browser_does(answer.headers) == doing, way
        # The store has neither of these headers; its own origin has nothing to steal.
        if "signed" not in way and way != "redirected":
            assert not may_be_a_script_elsewhere(answer.headers), way
            sandboxed = answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
            assert sandboxed == (doing == "saves"), way
            assert answer.headers["Cross-Origin-Resource-Policy"] == "same-site"


@pytest.mark.parametrize(("filename", "content", "expected"), FILES.values(), ids=FILES)
def test_a_mislabelled_file_gets_its_answer(alice, filename, content, expected):
    """Cases 41, 58, 64 to 67, 95."""
    answer = alice.post("/files/upload", files={"file": (filename, made(content))})
    if isinstance(expected, str):
        assert judged(answer) == expected, answer.text
        return
    media_type, doing = expected
    assert judged(answer) == media_type, answer.text
    check_opened(alice, answer.json()["id"], media_type, doing)


LIARS = {what: row for what, row in FILES.items() if row[2] in {OTHER, TYPE}}


@pytest.mark.parametrize(("filename", "content", "expected"), LIARS.values(), ids=LIARS)
def test_a_mislabelled_file_sent_to_the_store_directly_is_rejected(alice, filename, content, expected):
    """Case 12: never readable, not for a moment."""
    content = made(content)
    upload = begin(alice, content, filename, content_type="application/octet-stream")
    send(alice, upload, content)
    answer = complete(alice, upload)
    record = alice.get(f"/files/{upload['file']['id']}").json()
    assert (answer.json()["code"], record["rejection"]["code"]) == ("upload_rejected", expected)
    assert alice.get(f"/files/{record['id']}/download").status_code == 409


@pytest.mark.parametrize(("filename", "content", "declared", "expected"), DECLARED)
def test_what_is_declared_never_decides_what_a_browser_is_told(alice, filename, content, declared, expected):
    """Case 58."""
    answer = alice.post("/files/upload", files={"file": (filename, content, declared)})
    if isinstance(expected, str):
        assert judged(answer) == expected, answer.text
        return
    media_type, doing = expected
    assert judged(answer) == media_type, answer.text
    check_opened(alice, answer.json()["id"], media_type, doing)


@pytest.mark.parametrize("filename", ["a.html", "a.svg", "a.js", "a.php", "a.hta", "a.xhtml", "a.pdf", "a.png"])
def test_a_text_is_not_made_a_page_by_renaming(alice, upload, filename):
    """Cases 41 and 58."""
    file_id = upload(b"words\n<script>alert(1)</script>", "a.txt")["id"]
    for answer in (
        alice.patch(f"/files/{file_id}", json={"filename": filename}),
        alice.post(f"/files/{file_id}/copy", json={"new_filename": filename}),
    ):
        assert answer.status_code == 415
    check_opened(alice, file_id, "text/plain", "shows")


@pytest.mark.parametrize(
    "query",
    [
        "response-content-type=text/html",
        "content_type=text/html",
        "as_attachment=false&response-content-disposition=inline",
    ],
)
def test_nobody_chooses_the_headers_of_a_download(alice, upload, query):
    file_id = upload(b"<note/>", "a.json")["id"]
    answer = alice.get(f"/files/{file_id}/download?{query}")
    assert answer.status_code == 200
    assert (answer.headers["Content-Type"], what_a_browser_does(answer.headers)) == ("application/json", "saves")
    url = alice.get(f"/files/{file_id}/presigned-url?{query}").json()["url"]
    assert httpx.get(f"{url}&{query}").status_code == 403
    assert httpx.get(url).headers["Content-Type"] == "application/json"
