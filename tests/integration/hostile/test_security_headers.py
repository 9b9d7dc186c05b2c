"""What answers say to browsers: run nothing, frame nothing, keep nothing, tell no one; and who may read them."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.samples import png
from tests.support.raw_http import raw_connection

SOME_ID = "01890000-0000-7000-8000-000000000000"
ORIGIN = "https://app.example.com"
STRICT = "default-src 'none'; frame-ancestors 'none'"


def assert_strict(headers) -> None:
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"] == STRICT
    assert "private" in headers["Cache-Control"]
    assert "Strict-Transport-Security" not in headers
    assert "Server" not in headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/files", 200),
        ("GET", "/files/folders", 200),
        ("GET", f"/files/{SOME_ID}/exists", 200),
        ("GET", f"/files/{SOME_ID}", 404),
        ("GET", "/nowhere", 404),
        ("PATCH", "/files", 405),
        ("GET", "/files?limit=0", 422),
        ("DELETE", f"/files/{SOME_ID}", 404),
    ],
)
def test_every_answer_of_the_api_is_strict(alice, method, path, status):
    answer = alice.request(method, path)
    assert answer.status_code == status
    assert_strict(answer.headers)


def test_so_are_records_urls_and_refusals(alice, anonymous, upload):
    path = f"/files/{upload(b'some words')['id']}"
    for answer in (alice.get(path), alice.get(f"{path}/presigned-url"), alice.delete(path), anonymous.get(path)):
        assert_strict(answer.headers)


def test_what_the_server_itself_refuses_is_strict_too(service):
    with raw_connection(service.port) as connection:
        connection.send(b"nonsense\r\n\r\n")
        answer = connection.answer()
    assert answer.status == 400
    assert_strict(httpx.Headers(answer.headers))


def test_so_are_health_and_what_lies_outside_of_the_api(service):
    for path, status in (
        ("/health", 200),
        ("/health/ready", 200),
        ("/", 404),
        ("/robots.txt", 404),
        ("/openapi.json", 200),
        ("/docs/assets/none", 404),
    ):
        answer = httpx.get(f"{service.base_url}{path}")
        assert answer.status_code == status
        assert_strict(answer.headers)


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_documentation_runs_only_its_own_scripts_and_is_not_framed(service, path):
    """What a browser loads with it is there, and comes from nowhere else."""
    page = httpx.get(f"{service.base_url}{path}")
    assert page.status_code == 200
    policy = dict(directive.split(" ", 1) for directive in page.headers["Content-Security-Policy"].split("; "))
    assert (policy["default-src"], policy["frame-ancestors"]) == ("'none'", "'none'")
    own, *hashes = policy["script-src"].split()
    assert own == "'self'"
    assert len(hashes) == page.text.count("<script>")
    assert all(each.startswith("'sha256-") for each in hashes)
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert [url for url in loaded if not url.startswith("/docs/assets/")] == []
    for url in loaded:
        asset = httpx.get(f"{service.base_url}{url}")
        assert (asset.status_code, asset.headers["X-Content-Type-Options"]) == (200, "nosniff")


def test_downloads_keep_the_policy_that_fits_their_content(alice, upload):
    path = f"/files/{upload(png(), 'a.png')['id']}/download"
    as_file, shown = alice.get(path, params={"as_attachment": True}).headers, alice.get(path).headers
    assert as_file["Content-Security-Policy"].startswith("sandbox")
    assert "img-src 'self'" in shown["Content-Security-Policy"]
    for headers in (as_file, shown):
        assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
        assert headers["Cache-Control"] == "private, no-cache"


def cors_headers(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


def preflight(service, origin: str, method: str = "PUT") -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return httpx.options(f"{service.base_url}/api/v1/files/raw/a.txt", headers=headers)


def test_without_origins_no_page_may_read_anything(start_service):
    with start_service(server={"cors_origins": []}) as service, service.client("alice") as alice:
        assert cors_headers(alice.get("/files", headers={"Origin": ORIGIN})) == {}
        refused = preflight(service, ORIGIN)
        assert refused.status_code == 405
        assert cors_headers(refused) == {}


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example.com",
        "null",
        "https://app.example.com.evil.com",
        "https://app.example.com:8443",
        "http://app.example.com",
        "https://APP.example.com",
        "https://app.example.com/",
        "*",
        "",
    ],
)
def test_a_page_of_another_origin_may_read_nothing(service, alice, origin):
    assert "access-control-allow-origin" not in cors_headers(alice.get("/files", headers={"Origin": origin}))
    asked = preflight(service, origin)
    assert asked.status_code != 200
    assert "access-control-allow-origin" not in cors_headers(asked)


def test_a_page_of_ours_may_and_caches_know_that_it_depends(service, alice):
    answer = alice.get("/files", headers={"Origin": ORIGIN})
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Origin" in answer.headers["Vary"]
    asked = preflight(service, ORIGIN)
    assert (asked.status_code, asked.headers["Access-Control-Allow-Origin"]) == (200, ORIGIN)


def test_credentials_of_the_browser_are_never_asked_for(service, alice):
    """A token is put on by the page itself; cookies would be put on by the browser for any page."""
    for answer in (alice.get("/files", headers={"Origin": ORIGIN}), preflight(service, ORIGIN)):
        assert "access-control-allow-credentials" not in cors_headers(answer)
        assert answer.headers["Access-Control-Allow-Origin"] != "*"


def test_a_star_stands_for_one_label_or_the_port(start_service):
    origins = ["http://localhost:*", "https://*.example.com"]
    with start_service(server={"cors_origins": origins}) as service:
        for origin in ("http://localhost:5173", "https://app.example.com"):
            assert preflight(service, origin).status_code == 200
        for origin in (
            "https://a.b.example.com",
            "https://evil.com/.example.com",
            "https://example.com",
            "https://app.example.com.evil.com",
            "http://localhost:80@evil.com",
            "http://localhost.evil.com:80",
            "null",
        ):
            assert preflight(service, origin).status_code == 400
