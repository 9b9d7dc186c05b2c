"""The routes under /files/uppy as plain HTTP: one that signs, four that answer as S3 would."""

from __future__ import annotations

import json
import os
import re
from uuid import UUID, uuid4
from xml.sax.saxutils import escape

import httpx
import jwt
import pytest
from structlog.testing import capture_logs

from app.config import MEBIBYTE
from app.modules.auth.principal import Principal
from app.modules.uploads.uppy_tokens import Operation
from tests import samples
from tests.support.direct import begin
from tests.support.service import SECRET, wait_until

PDF = samples.pdf()


def sign(client, method: str, key: str, **more) -> httpx.Response:
    return client.post("/files/uppy/sign", json={"method": method, "key": key, **more})


def signed(client, method: str, key: str, **more) -> dict:
    answer = sign(client, method, key, **more)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "private, no-store"
    return answer.json()


def key_of(content: bytes, filename: str, **more) -> str:
    return json.dumps({"n": filename, "s": len(content), **more})


@pytest.fixture
def open_upload(alice):
    """A multipart upload of alice: its id and the URL that created it."""
    content = os.urandom(6 * MEBIBYTE)
    created = signed(alice, "POST", key_of(content, "data.bin"))
    yield created["key"], created["url"], content
    alice.delete(f"/files/uploads/{created['key']}")


def send_part(client, upload_id: str, content: bytes, number: int) -> str:
    """Send one part of 5 MiB, or the rest; returns its ETag as the store gave it."""
    url = signed(client, "PUT", upload_id, uploadId=upload_id, partNumber=number)["url"]
    begins = (number - 1) * 5 * MEBIBYTE
    answer = httpx.put(url, content=content[begins : begins + 5 * MEBIBYTE])
    assert answer.status_code == 200, answer.text
    return answer.headers["ETag"]


def completion(etags: dict[int, str]) -> str:
    parts = [
        f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etag)}</ETag></Part>" for number, etag in etags.items()
    ]
    return f"<CompleteMultipartUpload>{''.join(parts)}</CompleteMultipartUpload>"


def error_code(answer: httpx.Response) -> str:
    """The code of S3's error; the plugin reads it under exactly this type only."""
    assert answer.headers["Content-Type"] == "application/xml"
    return re.search(r"<Error><Code>(\w+)</Code><Message>[^<]+</Message></Error>", answer.text)[1]


def test_a_single_file_is_put_where_it_was_signed(alice):
    answer = signed(alice, "PUT", key_of(PDF, "report.pdf"), contentType="application/pdf")
    assert UUID(answer["key"])
    assert answer["headers"]["Content-Type"] == "application/pdf"
    assert httpx.put(answer["url"], headers=answer["headers"], content=PDF).status_code == 200
    record = alice.get(f"/files/{answer['key']}").json()
    assert (record["status"], record["filename"]) == ("available", "report.pdf")


def test_the_key_may_say_more_and_may_be_size_and_name(alice):
    more = {"folder": "a/b", "metadata": {"x": [1]}, "description": "why", "checksum_sha256": "0" * 64}
    full = signed(alice, "PUT", key_of(PDF, "report.pdf", **more))["key"]
    plain = signed(alice, "PUT", f"{len(PDF)}/report.pdf")["key"]
    record = alice.get(f"/files/{full}").json()
    assert (record["folder"], record["metadata"], record["description"]) == ("a/b", {"x": [1]}, "why")
    assert alice.get(f"/files/{plain}").json()["file_size"] == len(PDF)
    for file_id in (full, plain):
        assert alice.delete(f"/files/uploads/{file_id}").status_code == 204


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
        completion({10_001: "a"}), completion({1: ""}), completion({1: "a" * 300}), "<Delete><Part/></Delete>",
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


CONTROL = [
    ("POST", "/create", "create"),
    ("GET", "/parts", "list"),
    ("POST", "/complete", "complete"),
    ("DELETE", "", "abort"),
]


@pytest.mark.parametrize(("method", "path", "operation"), CONTROL)
def test_a_token_is_worth_one_operation_on_one_upload(
    service, alice, bob, anonymous, open_upload, method, path, operation
):
    upload_id = open_upload[0]
    url = f"{service.base_url}/api/v1/files/uppy/{upload_id}{path}"
    tokens = service.app.state.upload_services.control_tokens
    caller, body = Principal("alice"), completion({1: "a"})

    def tried(token: str | None, client=anonymous) -> tuple[int, str]:
        query = {} if token is None else {"token": token}
        answer = client.request(method, url, params=query, content=body if path == "/complete" else None)
        return answer.status_code, error_code(answer)

    good = tokens.issue(caller, UUID(upload_id), operation)
    head, claims, signature = good.split(".")
    forged = jwt.encode(jwt.decode(good, options={"verify_signature": False}), SECRET, "HS256")
    unsigned = jwt.encode(jwt.decode(good, options={"verify_signature": False}), None, "none")
    expired = tokens.issue(caller, UUID(upload_id), operation, ttl_seconds=-1)
    credential = service.token("alice")
    for token in (
        None,
        "",
        "x",
        "x" * 5000,
        forged,
        unsigned,
        expired,
        credential,
        f"{head}.{claims}.{signature[::-1]}",
    ):
        assert tried(token) == (401, "InvalidToken"), token
    for other in set(Operation) - {operation}:
        assert tried(tokens.issue(caller, UUID(upload_id), other)) == (403, "AccessDenied")
    assert tried(tokens.issue(caller, uuid4(), operation)) == (403, "AccessDenied")
    # Made for somebody who doesn't own the upload, or used by somebody for whom it wasn't made.
    assert tried(tokens.issue(Principal("bob"), UUID(upload_id), operation)) == (404, "NoSuchUpload")
    assert tried(good, client=bob) == (403, "AccessDenied")
    # It's no credential either.
    headers = {"Authorization": f"Bearer {good}"}
    assert httpx.get(f"{service.base_url}/api/v1/files", headers=headers).status_code == 401
    assert alice.get(f"/files/uploads/{upload_id}").status_code == 200


def test_strangers_get_nothing_signed(bob, anonymous, open_upload):
    """Case 22."""
    upload_id = open_upload[0]
    for method in ("GET", "POST", "DELETE", "PUT"):
        part = {"partNumber": 1} if method == "PUT" else {}
        stranger = sign(bob, method, upload_id, uploadId=upload_id, **part)
        assert (stranger.status_code, stranger.json()["code"]) == (404, "upload_not_found")
        assert sign(anonymous, method, upload_id, uploadId=upload_id, **part).status_code == 401
    assert sign(anonymous, "PUT", "1/a.txt").status_code == 401


def test_a_caller_who_may_only_read_gets_nothing_signed(service):
    with service.client("alice", scopes={"files:read"}) as reader:
        assert sign(reader, "PUT", "1/a.txt").json()["code"] == "forbidden"


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"method": "PUT", "key": "report.pdf"}, 422, "validation_error"),
        ({"method": "PUT", "key": "[]"}, 422, "validation_error"),
        ({"method": "PUT", "key": "[" * 60_000}, 422, "validation_error"),
        ({"method": "PUT", "key": '{"n":"a.pdf"}'}, 422, "validation_error"),
        ({"method": "PUT", "key": '{"n":"a.pdf","s":null}'}, 422, "validation_error"),
        ({"method": "PUT", "key": '{"n":"a.pdf","s":1,"colour":"red"}'}, 422, "validation_error"),
        ({"method": "PUT", "key": '{"n":"a.pdf","s":1,"method":"post"}'}, 422, "validation_error"),
        ({"method": "PUT", "key": '{"n":"a.pdf","s":1,"metadata":{"x":NaN}}'}, 422, "invalid_metadata"),
        ({"method": "PUT", "key": '{"n":"a.pdf","s":1,"folder":"../x"}'}, 422, "invalid_folder"),
        ({"method": "PUT", "key": '{"n":"a.pdf","s":1,"owner_id":"bob"}'}, 403, "forbidden"),
        ({"method": "PUT", "key": "0/a.pdf"}, 422, "empty_file"),
        ({"method": "PUT", "key": "1/a.exe"}, 415, "extension_not_allowed"),
        ({"method": "PUT", "key": "999999999999/a.pdf"}, 413, "file_too_large"),
        ({"method": "POST", "key": "999999999999/a.pdf"}, 413, "file_too_large"),
        ({"method": "PUT", "key": "1/a.pdf", "contentType": "text/html"}, 415, "content_type_not_allowed"),
        ({"method": "GET", "key": "k"}, 422, "validation_error"),
        ({"method": "HEAD", "key": "k"}, 422, "validation_error"),
        ({"method": "PUT", "key": "k", "partNumber": 1}, 422, "validation_error"),
        ({"method": "PUT", "key": "k", "uploadId": str(uuid4())}, 422, "validation_error"),
        ({"method": "PUT", "key": "k", "uploadId": "x", "partNumber": 1}, 422, "validation_error"),
        ({"method": "PUT", "key": "k", "uploadId": str(uuid4()), "partNumber": 1}, 404, "upload_not_found"),
        ({"method": "PUT", "key": "k", "uploadId": str(uuid4()), "partNumber": 10_001}, 422, "validation_error"),
    ],
)  # fmt: skip
def test_what_cannot_be_signed_is_told_as_a_problem(alice, request_, status, code):
    answer = alice.post("/files/uppy/sign", json=request_)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["message"]


def test_fields_that_later_versions_add_are_passed_over(alice):
    answer = sign(alice, "PUT", key_of(PDF, "report.pdf"), acl="private")
    assert answer.status_code == 200
    assert alice.delete(f"/files/uploads/{answer.json()['key']}").status_code == 204


def test_a_put_upload_has_no_parts_to_sign(alice):
    file_id = begin(alice, PDF, "report.pdf")["file"]["id"]
    assert sign(alice, "PUT", file_id, uploadId=file_id, partNumber=1).status_code == 422
    assert alice.delete(f"/files/uploads/{file_id}").status_code == 204


def test_the_same_idempotency_key_begins_one_upload(alice):
    request = {"method": "POST", "key": key_of(PDF, "report.pdf")}
    headers = {"Idempotency-Key": str(uuid4())}
    keys = {alice.post("/files/uppy/sign", json=request, headers=headers).json()["key"] for _ in range(2)}
    assert len(keys) == 1
    assert alice.delete(f"/files/uploads/{keys.pop()}").status_code == 204


def test_pages_of_allowed_origins_may_call_every_address(service, anonymous, open_upload):
    """Errors carry the headers too, or a page could not read them."""
    upload_id, create_url, _ = open_upload
    asked = {"Access-Control-Request-Headers": "content-type,authorization"}
    for method, url in (
        ("POST", f"{service.base_url}/api/v1/files/uppy/sign"), ("POST", create_url),
        ("DELETE", f"{service.base_url}/api/v1/files/uppy/{upload_id}"),
    ):  # fmt: skip
        for origin, allowed in (("https://app.example.com", "https://app.example.com"), ("https://evil.example", None)):
            headers = {"Origin": origin, "Access-Control-Request-Method": method, **asked}
            preflight = anonymous.options(url, headers=headers)
            assert preflight.headers.get("Access-Control-Allow-Origin") == allowed
            answer = anonymous.request(method, url.partition("?")[0], headers={"Origin": origin})
            assert answer.status_code == 401
            assert answer.headers.get("Access-Control-Allow-Origin") == allowed


def test_the_log_names_the_route_and_no_token(alice, anonymous, open_upload):
    """Case 21."""
    upload_id, create_url, _ = open_upload
    with capture_logs() as events:
        listing = signed(alice, "GET", upload_id, uploadId=upload_id)["url"]
        for url in (create_url, listing):
            anonymous.post(url, content=b"<a/>")
            anonymous.get(url)
        anonymous.get(listing + "x")
        wait_until(lambda: len([event for event in events if event["event"] == "request"]) == 6)
    said = str(events)
    assert "/files/uppy/{file_id:uuid}/parts" in said
    tokens = [url.partition("token=")[2] for url in (create_url, listing)]
    assert [token for token in tokens if token in said or token.rpartition(".")[2] in said] == []
    assert upload_id not in said


def test_a_page_that_cuts_otherwise_says_so_in_the_key(alice, anonymous):
    content = os.urandom(9 * MEBIBYTE)
    upload_id = signed(alice, "POST", key_of(content, "data.bin", part_size=6 * MEBIBYTE))["key"]
    state = alice.get(f"/files/uploads/{upload_id}").json()["upload"]
    assert (state["part_size"], state["part_count"]) == (6 * MEBIBYTE, 2)
    url = signed(alice, "PUT", upload_id, uploadId=upload_id, partNumber=1)["url"]
    assert httpx.put(url, content=content[: 5 * MEBIBYTE]).status_code == 403
    assert httpx.put(url, content=content[: 6 * MEBIBYTE]).status_code == 200
    assert anonymous.delete(signed(alice, "DELETE", upload_id, uploadId=upload_id)["url"]).status_code == 204


def test_addresses_are_https_behind_a_proxy_that_speaks_it(alice, open_upload):
    upload_id, create_url, _ = open_upload
    request = {"method": "GET", "key": upload_id, "uploadId": upload_id}
    answer = alice.post("/files/uppy/sign", json=request, headers={"X-Forwarded-Proto": "https"})
    assert answer.json()["url"].startswith("https://")
    assert create_url.startswith("http://")


def test_without_sign_in_it_works_all_the_same(start_service):
    with start_service(auth={"enabled": False, "jwt_secret": None}) as service, service_client(service) as client:
        created = signed(client, "POST", key_of(PDF, "report.pdf", type="application/pdf"))
        assert created["key"] in client.post(created["url"]).text
        etag = send_part(client, created["key"], PDF, 1)
        url = signed(client, "POST", created["key"], uploadId=created["key"])["url"]
        assert client.post(url, content=completion({1: etag})).status_code == 200
        assert client.get(f"/files/{created['key']}").json()["content_type"] == "application/pdf"


def service_client(service) -> httpx.Client:
    return httpx.Client(base_url=f"{service.base_url}/api/v1", timeout=30)
