"""Every error is one problem, with the request's id; nothing that comes from outside breaks it or leaks through it."""

from __future__ import annotations

import re
from uuid import uuid4

import httpx
import pytest
from structlog.testing import capture_logs

from tests.samples import png
from tests.support.databases import fresh_database
from tests.support.problems import problem_of
from tests.support.states import in_status
from tests.support.stores import Registry

SOME_ID = "01890000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/files/", 404, "not_found"),
        ("GET", "/files/not-an-id", 404, "not_found"),
        ("GET", f"/files/{SOME_ID}/nowhere", 404, "not_found"),
        ("GET", f"/files/{SOME_ID}", 404, "file_not_found"),
        ("PUT", f"/files/{SOME_ID}", 405, "method_not_allowed"),
        ("GET", "/files/upload", 405, "method_not_allowed"),
        ("OPTIONS", "/files", 405, "method_not_allowed"),
        ("TRACE", "/files", 405, "method_not_allowed"),
        ("GET", "/files?limit=0", 422, "validation_error"),
        ("GET", f"/files/{SOME_ID}/presigned-url?expiry=0", 422, "validation_error"),
        ("GET", f"/files/{SOME_ID}/download?redirect=perhaps", 422, "validation_error"),
    ],
)
def test_every_refusal_is_a_problem(alice, method, path, status, code):
    answer = alice.request(method, path)
    assert answer.status_code == status
    assert problem_of(answer)["code"] == code


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/files?limit=0", None),
        ("GET", "/files/folders?limit=0", None),
        ("GET", "/keys?limit=0", None),
        ("POST", "/keys", {"colour": "red"}),
        ("POST", "/files/presigned-urls", {"ids": []}),
        ("POST", "/files/batch", {"ids": []}),
        ("POST", "/files/uploads", {}),
        ("POST", f"/files/uploads/{SOME_ID}/complete", {"parts": 1}),
        ("POST", f"/files/{SOME_ID}/copy", {"colour": "red"}),
        ("PATCH", f"/files/{SOME_ID}", {"colour": "red"}),
    ],
)
def test_nobody_known_hears_nothing_of_what_else_is_wrong(service, anonymous, method, path, body):
    answer = anonymous.request(method, path, json=body)
    assert (answer.status_code, problem_of(answer)["code"]) == (401, "unauthenticated")
    with service.client("alice", scopes=set()) as scopeless:
        assert problem_of(scopeless.request(method, path, json=body))["code"] == "forbidden"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/files/upload", "POST"),
        ("/files", "GET"),
        ("/keys", "GET, POST"),
        (f"/files/{SOME_ID}", "DELETE, GET, HEAD, PATCH"),
        (f"/files/{SOME_ID}/download", "GET, HEAD"),
        (f"/files/uploads/{SOME_ID}", "DELETE, GET"),
    ],
)
def test_a_wrong_method_is_told_all_the_right_ones(alice, path, allowed):
    """RFC 9110, 15.5.6: of all routes at that address, not only of the first."""
    for method in ("PUT", "OPTIONS", "TRACE"):
        answer = alice.request(method, path)
        assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
        problem_of(answer)


@pytest.mark.parametrize(
    "body", [b"{", b"\xff\xfe", b"[" * 100_000, b'"text"', b"[1]", b'{"new_metadata": {"a": NaN}}']
)
def test_a_body_that_is_not_what_is_wanted_is_refused(alice, body):
    answer = alice.post(f"/files/{SOME_ID}/copy", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}
    problem_of(answer)


def test_a_wrong_field_is_named_with_what_would_be_right(alice):
    problem = problem_of(alice.post(f"/files/{SOME_ID}/copy", json={"new_folder": 7, "colour": "red"}))
    assert problem["code"] == "validation_error"
    assert {error["field"] for error in problem["errors"]} == {"body.new_folder", "body.colour"}
    assert all(error["detail"] for error in problem["errors"])


@pytest.mark.parametrize("given", ["abc-123", "a" * 128, "req_1.2:3"])
def test_a_well_formed_request_id_is_taken(alice, given):
    for path in ("/files", "/nowhere"):
        assert alice.get(path, headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "a" * 129, "two words", "a/b", "<script>", "ü"])
def test_any_other_request_id_is_made_anew(alice, given):
    headers = [("X-Request-ID", given.encode())]
    found = {alice.get("/nowhere", headers=headers).headers["X-Request-ID"] for _ in range(2)}
    assert given not in found
    assert all(re.fullmatch(r"[0-9a-f]{32}", each) for each in found)
    assert len(found) == 2


def test_an_unexpected_failure_is_a_problem_that_tells_nothing(start_service, parts):
    """Case 96: a registry that somebody has changed by hand."""
    with fresh_database(parts["DATABASE_URL"]) as url:
        drop_default, change = "ALTER COLUMN version DROP DEFAULT", "ALTER COLUMN version TYPE boolean USING true"
        Registry(url).rows(f"ALTER TABLE file_uploads {drop_default}, {change}")
        with start_service(database={"url": url}) as service, service.client("alice") as client:
            with capture_logs() as log:
                answer = client.put("/files/raw/a.txt", content=b"hello", headers={"X-Request-ID": "look-me-up"})
            assert [line["event"] for line in log if line["log_level"] == "error"] == ["request_failed"]
            assert answer.status_code == 500
            problem = problem_of(answer)
            assert (problem["code"], problem["request_id"]) == ("internal_error", "look-me-up")
            assert "file_uploads" not in answer.text


def test_a_registry_without_its_tables_is_unavailable(start_service, parts):
    with start_service(database={"url": parts["DATABASE_URL"]}) as service, service.client("alice") as client:
        answer = client.get("/files")
    assert (answer.status_code, problem_of(answer)["code"]) == (503, "database_unavailable")


def provoked(service, registry, bucket, upload) -> list[httpx.Response]:
    """Errors of all kinds, of a good service and of ones whose store is wrong."""
    lost, pending = upload(b"soon lost", folder="found/out"), upload(b"some words")
    bucket.client.delete_object(Bucket=bucket.name, Key=lost["s3_key"])
    with service.client("alice") as client, service.client("bob") as stranger, service.client(None) as nobody:
        answers = [
            client.get(f"/files/{lost['id']}/download"),
            client.get(f"/files/{lost['id']}/metadata"),
            client.post(f"/files/{lost['id']}/copy"),
            client.get(f"/files/{pending['id']}/download", headers={"Range": "bytes=5000-"}),
            client.get(f"/files/{pending['id']}/download", headers={"If-Match": '"other"'}),
            client.delete(f"/files/{pending['id']}", headers={"If-Match": '"v9"'}),
            client.post("/files/upload", files={"file": ("a.txt", png())}),
            client.post("/files/upload", files={"file": ("a.exe", b"MZ")}),
            client.post("/files/upload", files={"file": ("a.txt", b"")}),
            client.post("/files/upload", files={"file": ("a.txt", b"x")}, data={"checksum_sha256": "0" * 64}),
            client.post("/files/upload", files={"file": ("a.txt", b"x")}, data={"folder": "/"}),
            client.get("/files", params={"cursor": "x"}),
            client.get(f"/files/{uuid4()}"),
            stranger.get(f"/files/{pending['id']}"),
            nobody.get(f"/files/{pending['id']}"),
        ]
        with in_status(registry, pending["id"], "pending"):
            answers.append(client.get(f"/files/{pending['id']}/download"))
            answers.append(client.delete(f"/files/{pending['id']}"))
        client.delete(f"/files/{lost['id']}", params={"hard_delete": True})
    return answers


KEY = {"access_key_id", "secret_access_key"}
WRONG_STORES = [
    {"bucket_name": "nobody-made-this"},
    {"secret_access_key": "a-wrong-secret"},
    {"access_key_id": "AKIANOBODY0000000000"},
    {"endpoint_url": "http://127.0.0.1:1"},
]


def test_no_error_names_bucket_key_or_endpoint(service, start_service, registry, bucket, upload, takes_any_key):
    """Case 96."""
    file = upload(b"some words", folder="found/out")
    answers = provoked(service, registry, bucket, upload)
    told = {service.settings.store.endpoint_url, bucket.name, file["s3_key"], "found/out/", "127.0.0.1"}
    for wrong in WRONG_STORES:
        if takes_any_key and wrong.keys() & KEY:
            continue
        with start_service(store=wrong) as broken, broken.client("alice") as client:
            answers.append(client.get(f"/files/{file['id']}/download"))
            answers.append(client.get(f"/files/{file['id']}/metadata"))
            told |= set(wrong.values())
    for answer in answers:
        problem_of(answer)
        said = answer.text + str([(name, value) for name, value in answer.headers.items()])
        assert [word for word in told if word in said] == [], answer.url


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"bucket_name": "nobody-made-this"}, 500, "storage_misconfigured"),
        ({"secret_access_key": "a-wrong-secret"}, 500, "storage_misconfigured"),
        ({"access_key_id": "AKIANOBODY0000000000"}, 500, "storage_misconfigured"),
        ({"endpoint_url": "http://127.0.0.1:1"}, 503, "storage_unavailable"),
    ],
)
def test_a_wrong_store_never_looks_like_a_lost_file(start_service, upload, takes_any_key, wrong, status, code):
    """Case 82."""
    file = upload(b"some words")
    with start_service(store=wrong) as broken, broken.client("alice") as client:
        answer = client.get(f"/files/{file['id']}/download")
        if takes_any_key and wrong.keys() & KEY:
            assert answer.content == b"some words"
        else:
            assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_the_browsers_origin_is_told_even_of_errors(service):
    headers = {"Origin": "https://app.example.com"}
    answer = httpx.get(f"{service.base_url}/api/v1/files", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    exposed = {name.strip() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
    assert exposed >= {"ETag", "Location", "Link", "X-Request-ID", "Retry-After"}
    assert exposed >= {"Content-Range", "Content-Disposition", "Accept-Ranges"}


@pytest.mark.parametrize("framing", ["declared", "chunked"])
def test_a_body_larger_than_json_needs_is_a_problem_like_any_other(alice, upload, framing):
    """Case 31: Starlette's own limit would answer in plain text, without a request id."""
    file = upload(b"hello")
    body = b'{"new_filename": "' + b"x" * 1_100_000 + b'"}'
    content = iter([body[:1_050_000], body[1_050_000:]]) if framing == "chunked" else body
    answer = alice.post(f"/files/{file['id']}/copy", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert problem_of(answer)["code"] == "file_too_large"
