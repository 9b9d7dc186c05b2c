"""A new name is judged like an upload of that name would be: by the bytes that are stored."""

from __future__ import annotations

import httpx
import pytest

from tests.samples import png
from tests.samples.containers import docx
from tests.support.faulty_store import faulty_store
from tests.support.races import at_once


def rename(client, file, filename: str) -> httpx.Response:
    return client.patch(f"/files/{file['id']}", json={"filename": filename})


@pytest.mark.parametrize(
    ("content", "filename", "renamed", "code"),
    [
        (png(), "a.png", "a.html", "extension_not_allowed"),
        (png(), "a.png", "a.exe", "extension_not_allowed"),
        (png(), "a.png", "a.php.png", "extension_not_allowed"),
        (png(), "a.png", "a", "extension_not_allowed"),
        (png(), "a.png", "a.pdf", "content_type_mismatch"),
        (b"plain words\n", "a.txt", "a.png", "content_type_mismatch"),
        # Its type says nothing: only the bytes tell.
        (bytes(range(256)) * 300, "a.bin", "a.pdf", "content_type_mismatch"),
        (docx(), "a.docx", "a.zip", "content_type_mismatch"),
    ],
)
def test_a_name_must_fit_the_bytes(alice, upload, content, filename, renamed, code):
    file = upload(content, filename)
    for answer in (
        rename(alice, file, renamed),
        alice.post(f"/files/{file['id']}/copy", json={"new_filename": renamed}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (415, code)
    assert alice.get(f"/files/{file['id']}").json() == file


@pytest.mark.parametrize(
    ("content", "filename", "renamed", "content_type"),
    [
        (png(), "a.png", "b.PNG", "image/png"),
        (b"id,name\n1,Ada\n", "a.txt", "a.csv", "text/csv"),
        (docx(), "a.zip", "a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ],
)
def test_a_name_that_fits_the_bytes_says_what_they_are_served_as(
    alice, upload, content, filename, renamed, content_type
):
    file = upload(content, filename)
    changed = rename(alice, file, renamed).json()
    assert (changed["filename"], changed["content_type"]) == (renamed, content_type)
    assert (changed["etag"], changed["s3_key"], changed["version"]) == (file["etag"], file["s3_key"], 2)
    assert alice.get(f"/files/{file['id']}/download").headers["Content-Type"] == content_type


def test_a_name_is_not_given_to_bytes_that_came_while_others_were_looked_at(start_service, parts):
    """The look at the bytes happens without the lock, so it's compared again."""
    with (
        faulty_store(parts["S3_ENDPOINT_URL"]) as proxy,
        start_service(store={"endpoint_url": proxy.endpoint_url}) as service,
        service.client("alice") as client,
        service.client("alice") as other,
    ):
        file = client.put("/files/raw/a.txt", content=b"id,name\n1,Ada\n").json()
        proxy.stall_after(0, direction="down", matching="^GET ", times=1)

        def replace_while_it_is_looked_at():
            assert proxy.stalled.acquire(timeout=10)
            replaced = other.put(f"/files/{file['id']}/content", content=b"no table\n")
            proxy.heal()
            return replaced

        renamed, replaced = at_once(lambda: rename(client, file, "a.csv"), replace_while_it_is_looked_at)
        assert replaced.status_code == 200
        assert (renamed.status_code, renamed.json()["code"]) == (409, "file_not_available")
        assert other.get(f"/files/{file['id']}").json()["filename"] == "a.txt"
