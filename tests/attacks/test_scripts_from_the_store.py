"""The store's own answers carry no `nosniff`: what runs goes out as an attachment of no type."""

from __future__ import annotations

import http.server
import re
import shutil
import subprocess
import threading
from contextlib import contextmanager

import httpx
import pytest

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


@contextmanager
def page(body: str):
    """A page of another origin, on loopback; gives its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Not to the test's output."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


def test_a_browser_takes_it_for_no_style_and_no_page(careless, tmp_path):
    """A real Chromium, real answers of the store. A plain `<script src>` runs under any textual type: see the docs."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("this machine has no Chromium")
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
    command = [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    with page(body) as address:
        run = subprocess.run(
            [*command, "--timeout=10000", "--dump-dom", address],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )
    [tag] = re.findall(r"<html[^>]*>", run.stdout)
    assert set(re.findall(r"data-(\w+)", tag)) == {"drawing", "loaded"}
