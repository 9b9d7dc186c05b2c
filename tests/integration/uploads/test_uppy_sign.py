"""`POST /files/uppy/sign` as plain HTTP: what it signs, and what it refuses."""

from __future__ import annotations

from uuid import UUID, uuid4

import httpx
import pytest

from app.config import MEBIBYTE
from tests import samples
from tests.support.content import noise
from tests.support.direct import begin
from tests.support.uppy import completion, key_of, send_part, sign, signed

PDF = samples.pdf()


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


def test_a_page_that_cuts_otherwise_says_so_in_the_key(alice, anonymous):
    content = noise(9 * MEBIBYTE)
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


def test_addresses_are_the_public_ones_whatever_host_the_proxy_asks_for(start_service):
    public_url = "https://files.example.com"
    with start_service(server={"public_url": public_url}) as service, service.client("alice") as client:
        client.headers.update({"Host": "holdfast.internal:8000", "X-Forwarded-Proto": "http"})
        created = signed(client, "POST", key_of(PDF, "report.pdf", type="application/pdf"))
        upload_id = created["key"]
        address = f"{public_url}/api/v1/files/uppy/{upload_id}"
        assert created["url"].startswith(f"{address}/create?token=")
        etag = send_part(client, upload_id, PDF, 1)
        url = signed(client, "POST", upload_id, uploadId=upload_id)["url"]
        assert url.startswith(f"{address}/complete?token=")
        done = client.post(url.replace(public_url, service.base_url), content=completion({1: etag}))
        assert f"<Location>{public_url}/api/v1/files/{upload_id}</Location>" in done.text


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
