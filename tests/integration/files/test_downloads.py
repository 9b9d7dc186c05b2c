"""Downloads: the bytes, ranges, conditions, and what a browser is told about them."""

from __future__ import annotations

import asyncio
import random
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.main import create_app
from tests.samples import pdf, png
from tests.support.states import expire, in_status, set_column

pytestmark = pytest.mark.compared_once

SIZE = 1000
BYTES = random.Random(53).randbytes(SIZE)
WHOLE, PARTIAL, UNSATISFIABLE = 200, 206, 416


@pytest.fixture(scope="module")
def file(service):
    """A private file of 1000 random bytes."""
    with service.client("alice") as client:
        answer = client.post("/files/upload", files={"file": ("random.bin", BYTES)})
        assert answer.status_code == 201, answer.text
        return answer.json()


@pytest.fixture
def path(file):
    return f"/files/{file['id']}/download"


def test_the_whole_file_comes_with_length_type_and_validators(alice, file, path):
    answer = alice.get(path)
    assert (answer.status_code, answer.content) == (200, BYTES)
    assert answer.headers["Content-Length"] == str(SIZE)
    assert answer.headers["Content-Type"] == file["content_type"]
    assert answer.headers["ETag"] == file["etag"] == f'"sha256-{file["checksum_sha256"]}"'
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Cache-Control"].startswith("private")
    assert "Authorization" in answer.headers["Vary"]


@pytest.mark.parametrize(
    ("header", "status", "first", "last"),
    [
        ("bytes=0-99", PARTIAL, 0, 99),
        ("bytes=100-199", PARTIAL, 100, 199),
        ("bytes=0-0", PARTIAL, 0, 0),
        ("bytes=999-999", PARTIAL, 999, 999),
        ("bytes=900-", PARTIAL, 900, 999),
        ("bytes=0-", PARTIAL, 0, 999),
        ("bytes=0-999", PARTIAL, 0, 999),
        ("bytes=990-5000", PARTIAL, 990, 999),
        ("bytes=0-99999999999999999999999", PARTIAL, 0, 999),
        ("bytes=-100", PARTIAL, 900, 999),
        ("bytes=-1", PARTIAL, 999, 999),
        ("bytes=-5000", PARTIAL, 0, 999),
        ("BYTES=0-9", PARTIAL, 0, 9),
        ("bytes=0-9,20-29", WHOLE, 0, 999),
        ("bytes=0-0,-1", WHOLE, 0, 999),
        ("bytes=" + "0-1," * 500 + "2-3", WHOLE, 0, 999),
        ("bytes=5-1", WHOLE, 0, 999),
        ("bytes=5000-1", WHOLE, 0, 999),
        ("bytes=abc", WHOLE, 0, 999),
        ("bytes=", WHOLE, 0, 999),
        ("bytes=-", WHOLE, 0, 999),
        ("bytes=--5", WHOLE, 0, 999),
        ("bytes=1.5-3", WHOLE, 0, 999),
        ("bytes=0x10-20", WHOLE, 0, 999),
        ("bytes=0-9;q=1", WHOLE, 0, 999),
        ("bytes 0-9", WHOLE, 0, 999),
        ("items=0-3", WHOLE, 0, 999),
        ("bytes=1000-", UNSATISFIABLE, 0, 0),
        ("bytes=1000-2000", UNSATISFIABLE, 0, 0),
        ("bytes=99999999999999999999-", UNSATISFIABLE, 0, 0),
        ("bytes=-0", UNSATISFIABLE, 0, 0),
    ],
)
def test_a_range_gives_exactly_its_bytes(alice, path, header, status, first, last):
    """Case 53."""
    answer = alice.get(path, headers={"Range": header})
    assert answer.status_code == status
    if status == UNSATISFIABLE:
        assert answer.headers["Content-Range"] == f"bytes */{SIZE}"
        assert answer.json()["code"] == "range_not_satisfiable"
        return
    assert answer.content == BYTES[first : last + 1]
    assert answer.headers["Content-Length"] == str(last + 1 - first)
    assert answer.headers.get("Content-Range") == (f"bytes {first}-{last}/{SIZE}" if status == PARTIAL else None)


@pytest.mark.parametrize(
    ("if_range", "status"),
    [("{etag}", 206), ("{date}", 206), ('"sha256-other"', 200), ("W/{etag}", 200), ("{earlier}", 200), ("junk", 200)],
)
def test_if_range_joins_a_part_only_to_the_same_content(alice, file, path, if_range, status):
    """Case 53."""
    date = alice.head(path).headers["Last-Modified"]
    earlier = format_datetime(parsedate_to_datetime(date) - timedelta(days=1), usegmt=True)
    header = if_range.format(etag=file["etag"], date=date, earlier=earlier)
    answer = alice.get(path, headers={"Range": "bytes=10-19", "If-Range": header})
    assert (answer.status_code, answer.content) == (status, BYTES[10:20] if status == 206 else BYTES)


@pytest.mark.parametrize("query", ["", "?as_attachment=true"])
def test_head_answers_with_the_headers_of_get(alice, path, query):
    """Case 56."""
    changing = {"date", "x-request-id"}
    get, head = (getattr(alice, method)(path + query) for method in ("get", "head"))
    assert (head.status_code, head.content) == (200, b"")
    assert {k: v for k, v in head.headers.items() if k not in changing} == {
        k: v for k, v in get.headers.items() if k not in changing
    }


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-None-Match": "{etag}"}, 304),
        ({"If-None-Match": "W/{etag}"}, 304),
        ({"If-None-Match": '"a", {etag}, "b"'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-None-Match": "sha256-unquoted"}, 200),
        ({"If-None-Match": '"other"', "If-Modified-Since": "{later}"}, 200),
        ({"If-Modified-Since": "{date}"}, 304),
        ({"If-Modified-Since": "{later}"}, 304),
        ({"If-Modified-Since": "{earlier}"}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"If-Modified-Since": "Fri, 01 Jan 2021 00:00:00 +99999999999999999999"}, 200),
        ({"If-Match": "{etag}"}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"a", {etag}'}, 200),
        ({"If-Match": '"other"'}, 412),
        ({"If-Match": "W/{etag}"}, 412),
        ({"If-Match": "{etag}", "If-Unmodified-Since": "{earlier}"}, 200),
        ({"If-Unmodified-Since": "{earlier}"}, 412),
        ({"If-Unmodified-Since": "{later}"}, 200),
        ({"If-Match": '"other"', "If-None-Match": "{etag}"}, 412),
    ],
)
@pytest.mark.parametrize("method", ["get", "head"])
def test_conditions_are_judged_as_rfc_9110_says(alice, file, path, method, headers, status):
    """Case 55."""
    date = alice.head(path).headers["Last-Modified"]
    moment = parsedate_to_datetime(date)
    words = {
        "etag": file["etag"],
        "date": date,
        "earlier": format_datetime(moment - timedelta(days=1), usegmt=True),
        "later": format_datetime(moment + timedelta(days=1), usegmt=True),
    }
    answer = getattr(alice, method)(path, headers={name: value.format(**words) for name, value in headers.items()})
    assert answer.status_code == status
    if status == 304:
        assert answer.content == b""
        assert (answer.headers["ETag"], answer.headers["Last-Modified"]) == (file["etag"], date)


def test_a_stranger_learns_nothing_from_a_condition(bob, anonymous, file, path):
    """Case 55: authorise before 304."""
    condition = {"If-None-Match": file["etag"]}
    assert bob.get(path, headers=condition).status_code == 404
    assert anonymous.get(path, headers=condition).status_code == 401


def test_what_is_downloaded_is_never_compressed(alice, upload):
    """Case 54."""
    text = b"the same words again and again\n" * 2000
    path = f"/files/{upload(text)['id']}/download"
    for headers, expected in (({}, text), ({"Range": "bytes=5-20004"}, text[5:20005])):
        answer = alice.get(path, headers={"Accept-Encoding": "gzip, deflate, br", **headers})
        assert answer.content == expected
        assert "Content-Encoding" not in answer.headers
        assert answer.headers["Content-Length"] == str(len(expected))


@pytest.mark.parametrize("method", ["get", "head"])
def test_only_an_available_file_can_be_read(alice, upload, registry, method):
    files = [upload(b"some words\n") for _ in range(3)]
    pending, deleted, expired = (f"/files/{file['id']}/download" for file in files)
    alice.delete(f"/files/{files[1]['id']}")
    expire(registry, files[2]["id"])
    with in_status(registry, files[0]["id"], "pending"):
        assert getattr(alice, method)(pending).status_code == 409
    assert getattr(alice, method)(deleted).status_code == 404
    assert getattr(alice, method)(expired).status_code == 404


def disposition_of(answer: httpx.Response) -> tuple[str, str]:
    """Kind and true name of a Content-Disposition."""
    header = answer.headers["Content-Disposition"]
    assert header.isascii()
    assert header.isprintable()
    shape = r"(inline|attachment); filename=\"[^\"\\]*\"; filename\*=UTF-8''(\S+)"
    kind, exact = re.fullmatch(shape, header).groups()
    return kind, unquote(exact, errors="strict")


NASTY_NAMES = [
    'Ünïcode "quoted" 文件.txt', "semi;colon.txt", "per%20cent%.txt", "back\\slash.txt", "a/b.txt", "€ 100.txt",
    "line\r\nSet-Cookie: a=b.txt",
    "tab\there.txt", "\u202etxt.exe", "emoji 👩‍👩‍👧.txt", "'single'.txt", " lead.txt", "x" * 255,
    "\x7f\x80\x9f.txt", "=?utf-8?Q?a?=.txt", "filename*=UTF-8''evil.txt", "שלום.txt",
]  # fmt: skip


@pytest.mark.parametrize("name", NASTY_NAMES)
def test_any_name_that_the_registry_may_hold_goes_through_a_header(alice, file, path, registry, name):
    """Case 57: over a real server, which drops the connection on a header that it can't write."""
    set_column(registry, file["id"], "filename", name)
    answer = alice.get(path)
    assert answer.status_code == 200
    assert disposition_of(answer) == ("attachment", name)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=80))
def test_every_name_comes_back_from_its_header(alice, file, path, registry, name):
    """Case 57."""
    set_column(registry, file["id"], "filename", name)
    assert disposition_of(alice.head(path))[1] == name


DANGEROUS = [
    "text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "application/xml", "text/javascript",
    "application/javascript", "application/x-shockwave-flash", "application/octet-stream", "text/html; charset=utf-8",
    "application/rss+xml", "multipart/related", "text/css",
]  # fmt: skip


@pytest.mark.parametrize("content_type", DANGEROUS)
def test_what_a_browser_could_run_comes_sandboxed_as_an_attachment(alice, file, path, registry, content_type):
    """Case 58: through the service and by a presigned URL."""
    set_column(registry, file["id"], "content_type", content_type)
    set_column(registry, file["id"], "filename", "page.html")
    answer = alice.get(path, params={"as_attachment": False})
    assert disposition_of(answer) == ("attachment", "page.html")
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Cross-Origin-Resource-Policy" in answer.headers
    url = alice.get(f"/files/{file['id']}/presigned-url").json()["url"]
    presigned = httpx.get(url)
    assert (presigned.status_code, presigned.content) == (200, BYTES)
    assert disposition_of(presigned) == ("attachment", "page.html")
    # What runs under its own name is no type at all where no `nosniff` goes with it.
    runs = content_type not in {"image/svg+xml", "application/x-shockwave-flash"}
    assert presigned.headers["Content-Type"] == ("application/octet-stream" if runs else content_type)


@pytest.mark.parametrize(("name", "make"), [("a.png", png), ("a.pdf", pdf)])
def test_pictures_and_pdfs_are_shown_in_place_unless_asked_otherwise(alice, upload, name, make):
    path = f"/files/{upload(make(), name)['id']}/download"
    shown, saved = alice.get(path), alice.get(path, params={"as_attachment": True})
    assert disposition_of(shown) == ("inline", name)
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert disposition_of(saved) == ("attachment", name)


def test_last_modified_is_when_the_bytes_were_written(alice, upload):
    before = datetime.now(UTC).replace(microsecond=0)
    answer = alice.head(f"/files/{upload(b'new')['id']}/download")
    assert before <= parsedate_to_datetime(answer.headers["Last-Modified"]) <= datetime.now(UTC)


async def test_twenty_mebibytes_of_short_lines_come_in_few_chunks(alice, upload, service):
    """Case 51: a stream that is read line by line sends ten million of them."""
    content = b"x\n" * (10 * 1024 * 1024)
    path = f"/api/v1/files/{upload(content, 'lines.txt')['id']}/download"
    bodies = []

    async def send(message):
        bodies.append(message.get("body", b""))

    async def receive():
        await asyncio.Event().wait()  # the client stays and says nothing more

    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "path": path, "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"authorization", alice.headers["Authorization"].encode())],
    }  # fmt: skip
    app = create_app(service.settings)
    async with app.router.lifespan_context(app):
        await app(scope, receive, send)
    assert b"".join(bodies) == content
    # Slices of 64 KiB, the head and the end.
    assert len(bodies) <= 322
