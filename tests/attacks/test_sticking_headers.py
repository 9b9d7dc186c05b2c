"""Headers that no upload URL signs made a verified file decode to other bytes, or told browsers to keep it for ever."""

from __future__ import annotations

import httpx
import pytest

from tests import samples
from tests.support.unpinned import HEADERS, shown, uploaded

PDF = samples.pdf()
NAMED = ["Content-Encoding", "Cache-Control", "Expires", "Content-Language", "x-amz-website-redirect-location"]


@pytest.mark.parametrize("name", NAMED)
def test_a_header_that_was_not_signed_reaches_no_reader(alice, bucket, name):
    file, is_taken = uploaded(alice, PDF, "put", {name: HEADERS[name]})
    assert is_taken, "the store took it, so it's ours to keep it from readers"
    head = bucket.client.head_object(Bucket=bucket.name, Key=file["s3_key"])["ResponseMetadata"]["HTTPHeaders"]
    assert name.lower() not in head


def test_a_verified_pdf_decodes_to_nothing_but_itself(alice, bucket):
    """The bytes of the gzip are not what was declared; those of the PDF are, and a browser would decode them."""
    plain, _ = uploaded(alice, PDF, "put", {})
    file, _ = uploaded(alice, PDF, "put", {"Content-Encoding": "gzip"})
    url = alice.get(f"/files/{file['id']}/presigned-url").json()["url"]
    with httpx.stream("GET", url) as answer:
        assert "Content-Encoding" not in answer.headers
    assert shown(alice, bucket, file) == shown(alice, bucket, plain)
