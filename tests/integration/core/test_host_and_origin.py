"""Names and origins that are let in: by default, and as the operator says."""

from __future__ import annotations

import httpx
import pytest
from starlette.datastructures import Headers

from app.core.host_and_origin import AllowedHosts, AllowedOrigins

OFF = {"enabled": False, "jwt_secret": None}
PAGE = "https://app.example.com"


def status(service, path: str = "/api/v1/files", **headers: str) -> tuple[int, str | None]:
    answer = httpx.get(service.base_url + path, headers=headers)
    return answer.status_code, answer.json().get("code")


OURS = [
    "localhost", "LOCALHOST:8000", "a.localhost", "127.0.0.1:80", "127.9.9.9", "[::1]", "[::1]:8000", "files.internal",
    "Files.Internal:8000", "files.internal.", "10.0.0.7:1", "[fd00::7]", "a.example.com", "a.b.example.com",
]  # fmt: skip
NOT_OURS = [
    "", "evil.test", "localhost.evil.test", "127.0.0.1.evil.test", "example.com", "evilexample.com", "10.0.0.8",
    "0.0.0.0", "files.internal.evil.test", "localhost:x", "evil.test:80@localhost", "evil.test/a.localhost",
    "fileszinternal",
]  # fmt: skip


@pytest.mark.parametrize(("host", "is_ours"), [*((host, True) for host in OURS), *((host, False) for host in NOT_OURS)])
def test_names_are_compared_whole(host, is_ours):
    hosts = AllowedHosts(["files.internal", "*.example.com", "10.0.0.7", "fd00::7"])
    assert (host in hosts) is is_ours


@pytest.mark.parametrize(
    ("headers", "may"),
    [
        ({}, True),
        ({"Origin": "http://localhost:8000"}, True),
        ({"Origin": "HTTP://LOCALHOST:8000"}, True),
        ({"Origin": PAGE}, True),
        ({"Origin": "http://127.0.0.1:5173"}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Origin": "http://localhost:8001"}, False),
        ({"Origin": "http://localhost"}, False),
        ({"Origin": "https://app.example.com.evil.test"}, False),
        ({"Origin": "https://evil.test/https://app.example.com"}, False),
        ({"Origin": "http://app.example.com"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "other"}, False),
    ],
    ids=str,
)
def test_pages_may_write_that_are_named_or_our_own(headers, may):
    origins = AllowedOrigins([PAGE, "http://127.0.0.1:*"])
    assert origins.may_send(Headers({"Host": "localhost:8000", **headers})) is may


def test_the_default_port_may_be_left_out():
    origins = AllowedOrigins([])
    for host, origin in (("localhost", "http://localhost:80"), ("localhost:443", "https://localhost")):
        assert origins.may_send(Headers({"Host": host, "Origin": origin}))
    assert not origins.may_send(Headers({"Host": "localhost:443", "Origin": "http://localhost"}))


def test_with_sign_in_every_name_leads_here_unless_some_are_named(service, start_service):
    assert status(service, Host="files.example.com") == (401, "unauthenticated")
    with start_service(server={"allowed_hosts": "files.example.com", "public_url": "https://public.test"}) as named:
        for host in ("files.example.com", "public.test", "localhost:1"):
            assert status(named, Host=host) == (401, "unauthenticated")
        assert status(named, Host="other.example.com") == (421, "host_not_allowed")


def test_without_sign_in_names_are_added_and_probes_need_none(start_service):
    with start_service(auth=OFF, server={"allowed_hosts": "files.internal"}) as service:
        assert status(service, Host="files.internal:8000") == (200, None)
        assert status(service, Host="evil.test") == (421, "host_not_allowed")
        assert status(service, "/health", Host="10.0.0.7") == (200, None)
        assert status(service, "/health/ready", Host="10.0.0.7")[0] in {200, 503}
        assert status(service, "/health/nothing", Host="10.0.0.7") == (421, "host_not_allowed")


def test_without_sign_in_pages_that_are_named_may_write_and_others_may_not_even_ask(start_service):
    with start_service(auth=OFF) as service, service.client(None) as client:
        name, own = "/files/raw/a.txt", service.base_url
        written = client.put(name, content=b"x", headers={"Origin": PAGE})
        assert (written.status_code, written.headers["Access-Control-Allow-Origin"]) == (201, PAGE)
        assert client.put(name, content=b"x", headers={"Origin": own}).status_code == 201
        refused = client.put(name, content=b"x", headers={"Origin": "https://evil.test"})
        assert (refused.status_code, refused.json()["code"]) == (403, "origin_not_allowed")
        assert "Access-Control-Allow-Origin" not in refused.headers
        assert refused.headers["X-Content-Type-Options"] == "nosniff"


def test_with_sign_in_a_token_is_what_counts(service):
    headers = {"Authorization": f"Bearer {service.token('alice')}", "Origin": "https://evil.test"}
    answer = httpx.put(f"{service.base_url}/api/v1/files/raw/a.txt", content=b"x", headers=headers)
    assert answer.status_code == 201
