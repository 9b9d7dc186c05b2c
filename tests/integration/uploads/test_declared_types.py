"""A file is of the type that its bytes were found to be, whatever was declared and whichever way they came."""

from __future__ import annotations

import pytest

from tests import samples
from tests.support.direct import begin, complete, send
from tests.support.ways_in import UNDECLARED, WAYS, directly, types_of

JPEG = samples.SAMPLES["photo.jpg"][1]


@pytest.mark.parametrize("way", WAYS)
def test_a_jpeg_declared_as_anything_ends_as_a_jpeg(alice, bucket, methods, way):
    if way == "post" and way not in methods:
        return
    answer = WAYS[way](alice, JPEG, "photo.jpg", UNDECLARED)
    assert answer.status_code in {200, 201}, answer.text
    types = types_of(alice, bucket, answer.json())
    if way == "rename":
        del types["store"]
    assert set(types.values()) == {"image/jpeg"}, types


@pytest.mark.parametrize("declared", ["text/css", "message/rfc822", "text/x-python"])
@pytest.mark.parametrize("method", ["put", "post", "multipart"])
def test_a_text_is_stored_as_a_text(alice, bucket, methods, method, declared):
    if method not in methods:
        return
    answer = directly(method)(alice, b"From: words\n", "notes.txt", declared)
    assert answer.status_code == 200, answer.text
    assert set(types_of(alice, bucket, answer.json()).values()) == {"text/plain"}


@pytest.mark.parametrize("method", ["put", "post", "multipart"])
def test_bytes_that_show_their_type_only_at_the_end_are_copied_to_get_it(alice, bucket, methods, method):
    """`data.bin` may be anything: what its multipart upload was begun with is a guess."""
    if method not in methods:
        return
    answer = directly(method)(alice, JPEG, "data.bin", UNDECLARED)
    assert answer.status_code == 200, answer.text
    types = types_of(alice, bucket, answer.json())
    assert len(set(types.values())) == 1, types


@pytest.mark.parametrize("method", ["put", "post", "multipart"])
def test_the_list_of_types_holds_for_what_was_found(start_service, methods, method):
    if method not in methods:
        return
    only_texts = {"allowed_extensions": ["txt", "jpg", "bin"], "allowed_mime_types": ["text/plain", UNDECLARED]}
    with start_service(store=only_texts) as service, service.client("alice") as client:
        wish = {"filename": "photo.jpg", "content_type": UNDECLARED, "file_size": len(JPEG), "method": method}
        refused = client.post("/files/uploads", json=wish)
        assert (refused.status_code, refused.json()["code"]) == (415, "content_type_not_allowed")
        file = directly(method)(client, b"words\n", "notes.txt", "text/css").json()
        assert file["content_type"] == "text/plain"


@pytest.mark.parametrize("method", ["put", "post", "multipart"])
def test_bytes_of_another_type_never_become_a_file(alice, methods, method):
    if method not in methods:
        return
    upload = begin(alice, JPEG, "photo.png", content_type=UNDECLARED, method=method)
    send(alice, upload, JPEG)
    assert complete(alice, upload).json()["code"] == "upload_rejected"
