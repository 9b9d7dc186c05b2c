"""3 GiB by presigned part URLs, broken off and resumed once: what passes the API's socket, and its memory.

Run: python -m bench.large_direct [--gibibytes 3]. The bytes are counted by a proxy before the API.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from app.cli.database import migrate_to_newest
from app.embedded.parts import embedded_parts
from bench.processes import MemoryGrowth, free_port, process

PART_BYTES = 64 << 20


class CountingProxy:
    """Passes bytes on to a port and counts them."""

    def __init__(self, port: int) -> None:
        self.total = 0
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection(("127.0.0.1", self._target))
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        while data := source.recv(65_536):
            self.total += len(data)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def call(method: str, url: str, body: object = None) -> dict[str, object]:
    """One JSON request."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=600) as answer:
        parsed: dict[str, object] = json.load(answer)
        return parsed


def send(url: str, headers: dict[str, str], part: bytes, *, break_after: int | None = None) -> None:
    """Send one part to the store, or only its beginning."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port or 80)) as connection:
        lines = [f"PUT {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(part)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        connection.sendall(part if break_after is None else part[:break_after])
        if break_after is None and b" 200 " not in (status := connection.recv(65_536)).splitlines()[0]:
            raise RuntimeError(status.decode())


def main() -> None:
    """Upload, break, resume, complete, count."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--gibibytes", type=int, default=3)
    size = arguments.parse_args().gibibytes << 30
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, embedded_parts(Path(folder) / "parts", {}) as running:
        migrate_to_newest(running.environment["DATABASE_URL"])
        serve = {"PORT": str(port), "AUTH_ENABLED": "false", "LOG_LEVEL": "WARNING", "RATE_LIMIT": ""}
        limits = {
            "S3_MAX_FILE_SIZE_MB": str(size >> 20),
            "S3_ALLOWED_EXTENSIONS": "bin",
            "S3_READ_TIMEOUT_SECONDS": "300",
        }
        with process(["-m", "app", "serve"], port, running.environment | serve | limits) as pid:
            proxy = CountingProxy(port)
            memory = MemoryGrowth(pid)
            memory.begin()
            base = f"http://127.0.0.1:{proxy.port}/api/v1/files/uploads"
            wish = {"filename": "large.bin", "content_type": "application/octet-stream", "file_size": size}
            started = time.perf_counter()
            begun = call("POST", base, wish | {"method": "multipart", "part_size": PART_BYTES})
            url = f"{base}/{begun['file']['id']}"  # type: ignore[index]
            count = size // PART_BYTES
            part = os.urandom(PART_BYTES)

            def send_numbers(numbers: list[int], break_at: int | None) -> None:
                for number in numbers:
                    signed = call("POST", f"{url}/parts", {"part_numbers": [number]})["parts"][0]  # type: ignore[index]
                    send(signed["url"], signed["headers"], part, break_after=1 << 20 if number == break_at else None)
                    if number == break_at:
                        return

            send_numbers(list(range(1, count + 1)), break_at=count // 2)
            known = {found["part_number"] for found in call("GET", url)["parts"]}  # type: ignore[attr-defined]
            send_numbers([number for number in range(1, count + 1) if number not in known], break_at=None)
            file = call("POST", f"{url}/complete")
            seconds = time.perf_counter() - started
            print(f"{size} bytes {file['status']} in {seconds:.0f} s, broken off at {len(known)} of {count} parts")
            print(f"through the API's socket: {proxy.total} bytes; its memory grew by {memory.mebibytes():.1f} MiB")


if __name__ == "__main__":
    main()
