"""The store's own answers carry no `nosniff`: what runs goes out as an attachment of no type."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.support.chromium import shown_by_chromium, strangers_page

MESSAGE = "parent.postMessage('ran','*')"
RUNS = {
    "page.html": f"<!doctype html><script>{MESSAGE}</script>",
    "page.xhtml": f'<html xmlns="http://www.w3.org/1999/xhtml"><script>{MESSAGE}</script></html>',
    "feed.xml": f"""<?xml version="1.0"?><a>{" " * 2000}<s:script
        xmlns:s="http://www.w3.org/1999/xhtml">{MESSAGE}</s:script></a>""",
    "code.js": MESSAGE,
    "code.mjs": "export default 1",
    "style.css": "body { width: 77px }",
    "mail.eml": f"Content-Type: text/html\r\n\r\n<script>{MESSAGE}</script>",
}


@pytest.fixture(scope="module")
def careless(start_service):
    """A service whose operator allows pages, scripts and drawings by name."""
    names = ["html", "xhtml", "xml", "js", "mjs", "css", "eml", "svg"]
    with start_service(store={"allowed_extensions": names}) as service, service.client("alice") as client:
        yield client


def presigned(client, name: str, content: str) -> str:
    stored = client.post("/files/upload", files={"file": (name, content.encode())})
    assert stored.status_code == 201, stored.text
    return client.get(f"/files/{stored.json()['id']}/presigned-url").json()["url"]


@pytest.mark.parametrize(("name", "content"), RUNS.items(), ids=RUNS)
def test_what_runs_comes_from_the_store_under_no_type(careless, name, content):
    answer = httpx.get(presigned(careless, name, content))
    assert (answer.status_code, answer.text) == (200, content)
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Type"] == "application/octet-stream"


def test_a_browser_takes_it_for_no_style_and_no_page(careless):
    """A real Chromium, real answers of the store. A plain `<script src>` runs under any textual type: see the docs."""
    frames = {name: presigned(careless, name, content) for name, content in RUNS.items()}
    style = presigned(careless, "s.css", "#styled { width: 77px }")
    drawing = presigned(careless, "d.svg", '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    body = f"""<!doctype html><script>onmessage = e => document.documentElement.dataset[e.data] = 1</script>
        {"".join(f'<iframe src="{url}"></iframe>' for url in frames.values())}
        <link rel=stylesheet href="{style}"><i id=styled></i>
        <img src="{drawing}" onload="document.documentElement.dataset.drawing = 1">
        <script>onload = () => {{
            const root = document.documentElement
            if (getComputedStyle(document.getElementById("styled")).width == "77px") root.dataset.style = 1
            root.dataset.loaded = 1
        }}</script>"""
    with strangers_page(body) as address:
        shown = shown_by_chromium(address)
    [tag] = re.findall(r"<html[^>]*>", shown)
    assert set(re.findall(r"data-(\w+)", tag)) == {"drawing", "loaded"}
