"""Who may use the addresses of stock Uppy: tokens, strangers, pages of other origins; and what the log says of it."""

from __future__ import annotations

from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from structlog.testing import capture_logs

from app.modules.auth.principal import Principal
from app.modules.uploads.uppy_tokens import Operation
from tests.support.service import SECRET, wait_until
from tests.support.uppy import completion, error_code, sign, signed

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
