"""The routes that stand in for S3 where stock Uppy would call it: create, list, complete, abort."""

from __future__ import annotations

import re

import pytest

from app.config import MEBIBYTE
from tests.support.uppy import completion, error_code, send_part, sign, signed


@pytest.mark.parametrize(
    "etag", [lambda given: given, lambda given: given.strip('"'), lambda given: f"&quot;{given.strip(chr(34))}&quot;"]
)
def test_parts_are_listed_and_completed_with_etags_quoted_or_not(alice, anonymous, open_upload, etag):
    upload_id, create_url, content = open_upload
    for _ in range(2):
        created = anonymous.post(create_url, headers={"Content-Type": "application/octet-stream"})
        assert f"<UploadId>{upload_id}</UploadId>" in created.text
    given = {number: send_part(alice, upload_id, content, number) for number in (1, 2)}
    listed = anonymous.get(signed(alice, "GET", upload_id, uploadId=upload_id)["url"])
    assert re.findall(r"<Part><PartNumber>(\d)</PartNumber><ETag>&quot;([^&]+)&quot;</ETag></Part>", listed.text) == [
        (str(number), value.strip('"')) for number, value in given.items()
    ]
    url = signed(alice, "POST", upload_id, uploadId=upload_id)["url"]
    parts = [
        f"<Part><PartNumber>{number}</PartNumber><ETag>{etag(value)}</ETag></Part>" for number, value in given.items()
    ]
    body = f'<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{"".join(parts)}</CompleteMultipartUpload>'
    for _ in range(2):
        done = anonymous.post(url, content=body)
        assert done.status_code == 200, done.text
        assert re.search(
            rf"<Location>http://[^<]+/api/v1/files/{upload_id}</Location><Key>{upload_id}</Key>", done.text
        )
        assert re.search(r"<ETag>&quot;[^<]+&quot;</ETag>", done.text)
    assert alice.get(f"/files/{upload_id}/download").content == content
    # A client that never heard of its success goes on: it finds all parts there and completes again.
    listed = anonymous.get(signed(alice, "GET", upload_id, uploadId=upload_id)["url"])
    assert re.findall(r"<PartNumber>(\d)", listed.text) == ["1", "2"]


def test_the_stores_own_upload_id_stays_inside(alice, anonymous, open_upload, registry):
    upload_id, create_url, content = open_upload
    send_part(alice, upload_id, content, 1)
    query = "SELECT upload_id FROM stored_objects WHERE file_id = $1"
    inner = registry.rows(query, upload_id)[0]["upload_id"]
    listing = signed(alice, "GET", upload_id, uploadId=upload_id)
    assert inner
    assert inner not in anonymous.post(create_url).text + anonymous.get(listing["url"]).text + str(listing)


def test_an_abort_leaves_nothing_and_a_second_one_is_told_so(alice, anonymous, open_upload, bucket):
    upload_id, _, content = open_upload
    send_part(alice, upload_id, content, 1)
    url = signed(alice, "DELETE", upload_id, uploadId=upload_id)["url"]
    assert anonymous.delete(url).status_code == 204
    assert bucket.unfinished() == []
    again = anonymous.delete(url)
    assert (again.status_code, error_code(again)) == (404, "NoSuchUpload")
    assert sign(alice, "GET", upload_id, uploadId=upload_id).json()["code"] == "upload_not_found"


def test_a_missing_or_another_part_is_no_completion(alice, anonymous, open_upload):
    upload_id, _, content = open_upload
    first = send_part(alice, upload_id, content, 1)
    url = signed(alice, "POST", upload_id, uploadId=upload_id)["url"]
    missing = anonymous.post(url, content=completion({1: first, 2: first}))
    assert (missing.status_code, error_code(missing)) == (409, "InvalidPart")
    send_part(alice, upload_id, content, 2)
    other = anonymous.post(url, content=completion({1: first, 2: "0" * 32}))
    assert (other.status_code, error_code(other)) == (409, "InvalidPart")


ENTITIES = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]>'


@pytest.mark.parametrize(
    "body",
    [
        "", "parts", "<CompleteMultipartUpload>", "<CompleteMultipartUpload/>", completion({0: "a"}),
        completion({10_001: "a"}), completion({1: ""}), completion({1: "a" * 300}), completion({1: "\u00e9"}),
        "<Delete><Part/></Delete>",
        "<CompleteMultipartUpload><Part><PartNumber>x</PartNumber><ETag>a</ETag></Part></CompleteMultipartUpload>",
        "<CompleteMultipartUpload><Part><ETag>a</ETag></Part></CompleteMultipartUpload>",
        f"{ENTITIES}{completion({1: 'a'})}", b"\xff\xfe\x00", '<?xml version="1.0" encoding="nothing"?><a/>',
        completion(dict.fromkeys(range(1, 10_002), "a")),
    ],
)  # fmt: skip
def test_malformed_xml_is_told(alice, anonymous, open_upload, body):
    upload_id = open_upload[0]
    url = signed(alice, "POST", upload_id, uploadId=upload_id)["url"]
    answer = anonymous.post(url, content=body)
    assert (answer.status_code, error_code(answer)) == (400, "MalformedXML")


def test_a_body_is_read_no_further_than_its_limit(alice, anonymous, open_upload):
    upload_id = open_upload[0]
    url = signed(alice, "POST", upload_id, uploadId=upload_id)["url"]
    answer = anonymous.post(url, content=b" " * 2 * MEBIBYTE)
    assert (answer.status_code, error_code(answer)) == (413, "EntityTooLarge")
