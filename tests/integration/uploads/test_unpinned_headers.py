"""What a client tells the store beside what was signed never reaches whoever reads the file."""

from __future__ import annotations

import pytest

from app.config import MEBIBYTE
from tests import samples
from tests.support.unpinned import HEADERS, shown, uploaded

PDF = samples.pdf()


@pytest.mark.parametrize("method", ["put", "post", "multipart"])
def test_no_header_that_was_not_signed_reaches_what_is_served(alice, bucket, methods, method):
    if method not in methods:
        return
    plain, _ = uploaded(alice, PDF, method, {})
    expected = shown(alice, bucket, plain)
    assert expected["content"] == PDF
    for name, value in HEADERS.items():
        file, _ = uploaded(alice, PDF, method, {name: value})
        assert shown(alice, bucket, file) == expected, name


def test_all_of_them_at_once_make_a_file_like_any_other(alice, bucket):
    plain = alice.post("/files/upload", files={"file": ("report.pdf", PDF)}).json()
    # The store shows these to whoever has a key of it; nobody is served by them.
    file, _ = uploaded(alice, PDF, "put", {name: HEADERS[name] for name in ("Content-Encoding", "Cache-Control")})
    assert shown(alice, bucket, file) == shown(alice, bucket, plain)


def test_a_copy_hands_on_nothing_that_stuck_to_the_object_before(alice, bucket, upload):
    """Also of uploads that an older release left in place."""
    file = upload(PDF, "report.pdf")
    expected = shown(alice, bucket, file)
    bucket.client.put_object(
        Bucket=bucket.name,
        Key=file["s3_key"],
        Body=PDF,
        ContentType="text/html",
        ContentEncoding="gzip",
        CacheControl="public",
        ContentLanguage="tlh",
        Metadata={"evil": "yes"},
    )
    copied = alice.post(f"/files/{file['id']}/copy", json={})
    assert copied.status_code == 201, copied.text
    assert shown(alice, bucket, copied.json()) == expected


def test_a_copy_by_parts_replaces_everything_too(start_service, bucket):
    content = PDF + bytes(2 * MEBIBYTE)
    with start_service(store={"copy_limit_mb": 1}) as service, service.client("alice") as client:
        plain, _ = uploaded(client, content, "put", {})
        more = {name: HEADERS[name] for name in ("Content-Encoding", "Cache-Control", "Content-Language", "Expires")}
        file, _ = uploaded(client, content, "put", more)
        assert shown(client, bucket, file) == shown(client, bucket, plain)
