"""Starts what a measurement needs, watches its memory, sends it bytes."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHUNK_BYTES = 1 << 18
BOUNDARY = "holdfast-bench"


def free_port() -> int:
    """A port of the loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def process(arguments: list[str], port: int, environ: Mapping[str, str]) -> Iterator[int]:
    """Run `python ARGUMENTS` until the block ends; yields its pid once the port answers."""
    child = subprocess.Popen([sys.executable, *arguments], env={**os.environ, **environ})
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if time.monotonic() > deadline or child.poll() is not None:
                    raise
                time.sleep(0.05)
        yield child.pid
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(30)


def _status_kib(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    raise KeyError(field)


def cpu_seconds(pid: int) -> float:
    """What a process has used of all processors since it began."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class MemoryGrowth:
    """How far a process's memory rises above where it stood, in MiB."""

    pid: int
    start_kib: int = 0

    def begin(self) -> None:
        """Take the present as the ground; the kernel forgets earlier peaks."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")
        self.start_kib = _status_kib(self.pid, "VmRSS")

    def mebibytes(self) -> float:
        """The peak since `begin`, above it."""
        return (_status_kib(self.pid, "VmHWM") - self.start_kib) / 1024


def send_form(port: int, path: str, file: Path, filename: str) -> float:
    """Send a file as a form, streaming it from disk; returns seconds."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    tail = f"\r\n--{BOUNDARY}--\r\n".encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    started = time.perf_counter()
    connection.putrequest("POST", path)
    connection.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
    connection.putheader("Content-Length", str(len(head) + file.stat().st_size + len(tail)))
    connection.endheaders(head)
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            connection.send(chunk)
    connection.send(tail)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status not in {200, 201}:
        raise RuntimeError(body.decode())
    return time.perf_counter() - started


def health_while(port: int, uploads: int, path: str, file: Path) -> list[float]:
    """Latencies of /health in milliseconds while that many uploads run at once."""
    threads = [
        threading.Thread(target=send_form, args=(port, path, file, f"health-{number}.bin")) for number in range(uploads)
    ]
    for thread in threads:
        thread.start()
    latencies = []
    while any(thread.is_alive() for thread in threads):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        started = time.perf_counter()
        connection.request("GET", "/health")
        connection.getresponse().read()
        latencies.append((time.perf_counter() - started) * 1000)
        connection.close()
        time.sleep(0.01)
    return latencies
