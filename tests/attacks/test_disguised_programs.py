"""Programs and installers that claim to be documents or archives: they begin as programs, so they are programs."""

from __future__ import annotations

import pytest

from tests.samples.programs import (
    BEGINNINGS,
    CLAIMS,
    HIDDEN_DIRECTORIES,
    PROGRAM_ENTRIES,
    before_pdf,
    before_tar,
    claiming_zip,
    crowded_jar,
    installer,
)
from tests.support.direct import begin, complete, send

REFUSALS = {"content_type_mismatch", "content_type_not_allowed"}


def refused_everywhere(client, name: str, content: bytes) -> None:
    """By the service while it streams, and after a direct upload."""
    answer = client.post("/files/upload", files={"file": (name, content)})
    assert (answer.status_code, answer.json().get("code") in REFUSALS) == (415, True), answer.text
    upload = begin(client, content, name, content_type="application/octet-stream")
    send(client, upload, content)
    assert complete(client, upload).json().get("code") == "upload_rejected"
    assert client.get(f"/files/{upload['file']['id']}/download").status_code == 409


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS)
def test_a_program_with_a_document_behind_it_is_no_document(alice, beginning):
    refused_everywhere(alice, "invoice.pdf", before_pdf(beginning))


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
@pytest.mark.parametrize("names", PROGRAM_ENTRIES.values(), ids=PROGRAM_ENTRIES)
def test_a_program_that_claims_to_be_a_book_is_no_archive(alice, names, claim):
    refused_everywhere(alice, "photos.zip", claiming_zip(claim, *names))


def test_a_program_whose_manifest_is_hidden_in_a_large_directory_is_no_archive(alice):
    refused_everywhere(alice, "photos.zip", crowded_jar())


@pytest.mark.parametrize("content", HIDDEN_DIRECTORIES.values(), ids=HIDDEN_DIRECTORIES)
def test_a_program_whose_directory_isnt_where_the_last_signature_says_is_no_archive(alice, content):
    refused_everywhere(alice, "photos.zip", content)


@pytest.mark.parametrize("name", ["letter.doc", "table.xls"])
@pytest.mark.parametrize("kind", ["84", "86"])
def test_an_installer_with_its_directory_in_the_middle_is_no_document(alice, name, kind):
    refused_everywhere(alice, name, installer(class_id=f"{kind}100C0000000000C000000000000046"))


def test_an_installer_in_the_clothes_of_a_letter_is_no_letter(alice):
    """Its tables tell, whatever stands beside them."""
    refused_everywhere(alice, "letter.doc", installer("\u4840\u3f7f", "WordDocument", class_id="0" * 32))


@pytest.mark.parametrize("kind", ["shell script", "PHP", "batch file"])
def test_a_script_with_the_header_of_an_archive_is_no_archive(start_service, kind):
    with start_service(store={"allowed_extensions": ["tar"]}) as service, service.client("alice") as client:
        refused_everywhere(client, "backup.tar", before_tar(BEGINNINGS[kind]))
