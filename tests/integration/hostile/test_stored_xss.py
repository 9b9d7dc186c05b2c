"""An operator may allow every type by name, pages and scripts too: no browser is made to run what was stored."""

from __future__ import annotations

import httpx
import pytest

from app.modules.files.content.formats import FORMATS
from app.modules.files.content.serving import is_inline_safe, presigned_type
from tests.samples import SAMPLES
from tests.support.browsers import what_a_browser_does

pytestmark = pytest.mark.compared_once

ACTIVE = {
    "text/html",
    "image/svg+xml",
    "application/xml",
    "text/javascript",
    "text/x-php",
    "text/css",
    "message/rfc822",
}


@pytest.fixture(scope="module")
def careless(start_service):
    """A service whose operator allows all that the tables know."""
    extensions = sorted(
        {name.rpartition(".")[2].lower() for name in SAMPLES} | {"css", "eml", "js", "xht", "xsl", "mht"}
    )
    with start_service(store={"allowed_extensions": extensions}) as service, service.client("alice") as client:
        yield client


MORE = {
    "a.css": b"body { background: url(javascript:1) }",
    "a.eml": b"Content-Type: text/html\r\n\r\n<script>alert(1)</script>",
    "a.js": b"alert(document.domain)",
    "a.xht": b'<html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>',
    "a.xsl": b'<?xml version="1.0"?><xsl:stylesheet/>',
    "a.mht": b"MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n\r\n",
}
ALL = {name: content for name, (_, content) in SAMPLES.items()} | MORE


@pytest.mark.parametrize(("name", "content"), ALL.items(), ids=ALL)
def test_no_stored_file_runs_in_a_browser(careless, name, content):
    """Cases 58 and 67: through the service, and by the real answer of the real store to a presigned URL."""
    stored = careless.post("/files/upload", files={"file": (name, content)})
    if stored.status_code != 201:
        assert stored.status_code == 415, stored.text  # samples that are made to lie
        return
    path = f"/files/{stored.json()['id']}"
    proxied = careless.get(f"{path}/download")
    presigned = httpx.get(careless.get(f"{path}/presigned-url").json()["url"])
    forced = httpx.get(careless.get(f"{path}/presigned-url", params={"force_download": True}).json()["url"])
    assert {answer.content for answer in (proxied, presigned, forced)} == {content}
    assert proxied.headers["Content-Type"] == stored.json()["content_type"]
    assert presigned.headers["Content-Type"] == forced.headers["Content-Type"]
    assert presigned.headers["Content-Type"] == presigned_type(stored.json()["content_type"])
    assert what_a_browser_does(proxied.headers) == what_a_browser_does(presigned.headers) != "runs"
    assert what_a_browser_does(forced.headers) == "saves"
    assert proxied.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("media_type", sorted({row.media_type for row in FORMATS} | ACTIVE))
def test_what_may_be_shown_in_place_is_nothing_that_runs(media_type):
    """Case 58: by the rules of browsers, written down beside ours."""
    opened = {"content-type": media_type, "content-disposition": "inline"}
    assert not (is_inline_safe(media_type) and what_a_browser_does(opened) == "runs")
