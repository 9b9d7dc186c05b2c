"""What was sent to the store directly kept the type that its client declared, past the list of types that are taken."""

from __future__ import annotations

import pytest

from tests import samples
from tests.support.ways_in import UNDECLARED, directly, types_of

JPEG = samples.SAMPLES["photo.jpg"][1]


@pytest.mark.parametrize("declared", ["text/css", "message/rfc822"])
def test_a_text_declared_as_what_a_browser_or_mail_client_runs_is_a_text(alice, bucket, declared):
    answer = directly("post")(alice, b"From: words\n", "notes.txt", declared)
    assert answer.status_code == 200, answer.text
    assert set(types_of(alice, bucket, answer.json()).values()) == {"text/plain"}


@pytest.mark.parametrize("method", ["put", "post", "multipart"])
def test_a_jpeg_is_a_jpeg_to_the_registry_and_to_the_store(alice, bucket, method):
    answer = directly(method)(alice, JPEG, "photo.jpg", UNDECLARED)
    assert answer.status_code == 200, answer.text
    assert set(types_of(alice, bucket, answer.json()).values()) == {"image/jpeg"}


def test_the_list_of_types_holds_for_what_is_stored(start_service, bucket):
    only_texts = {"allowed_extensions": ["txt"], "allowed_mime_types": ["text/plain"]}
    with start_service(store=only_texts) as service, service.client("alice") as client:
        answer = directly("post")(client, b"words\n", "notes.txt", "text/css")
        assert answer.status_code == 200, answer.text
        assert set(types_of(client, bucket, answer.json()).values()) == {"text/plain"}
