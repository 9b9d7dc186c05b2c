"""A real Chromium without a window, for what pages of strangers may do to a service on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

# A stranger's name, which leads to this machine as it would after DNS rebinding.
STRANGER = "evil.example"
TIMEOUT_SECONDS = 60


def shown_by_chromium(url: str) -> str:
    """What stands in the page once it has loaded, and its script has had some seconds of the page's own time."""
    program = shutil.which("chromium")
    if program is None:
        if os.environ.get("REQUIRE_ALL"):
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    with tempfile.TemporaryDirectory(prefix="holdfast-chromium-") as profile:
        command = [
            program,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--no-proxy-server",
            f"--user-data-dir={profile}",
            f"--host-resolver-rules=MAP {STRANGER} 127.0.0.1",
            "--virtual-time-budget=5000",
            "--dump-dom",
            url,
        ]
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS)
    assert run.returncode == 0, run.stderr
    return run.stdout


@contextmanager
def strangers_page(body: str) -> Iterator[str]:
    """Serve one page of a stranger's; gives its address, for `shown_by_chromium`."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = body.encode() if self.path == "/" else b""
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{STRANGER}:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
