"""A process that is told to stop is gone within its grace time, whatever hangs; told twice, it's gone at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

import httpx
import pytest

from app.config import MEBIBYTE
from tests.support.content import noise
from tests.support.faulty_database import faulty_database
from tests.support.faulty_store import faulty_store
from tests.support.processes import environment_of, serving
from tests.support.raw_http import raw_connection
from tests.support.service import wait_until

GRACE_SECONDS = 4
# A busy machine may take its time; what hangs would keep a process for minutes, or for ever.
ALLOWED_SECONDS = GRACE_SECONDS * 4
CONTENT = noise(9 * MEBIBYTE)
STOPS = {"SHUTDOWN_GRACE_SECONDS": str(GRACE_SECONDS), "S3_ALLOWED_EXTENSIONS": "bin", "S3_READ_TIMEOUT_SECONDS": "120"}


@pytest.fixture
def service(own_corner):
    """Whose registry and prefix are thrown away with all that killed processes leave there."""
    return own_corner.service


@pytest.fixture
def store(parts):
    with faulty_store(parts["S3_ENDPOINT_URL"]) as proxy:
        yield proxy
        # What a process was about to do when it ended is not done for it afterwards.
        proxy.drop()


@pytest.fixture
def database(own_registry):
    with faulty_database(own_registry.dsn) as proxy:
        yield proxy


@pytest.fixture
def process(service, store, database):
    """`python -m app serve` whose store and whose database can hang."""
    hanging = {"S3_ENDPOINT_URL": store.endpoint_url, "DATABASE_URL": database.url}
    with serving(service.settings, **STOPS, **hanging) as served:
        wait_until(lambda: served.status("/health/ready") == 200, timeout_seconds=60)
        yield served


@contextmanager
def calling(process, service, method: str, path: str, **options):
    """A request that is under way, in a thread of its own."""
    client = process.client(service.token("stops"))

    def call() -> None:
        with suppress(httpx.TransportError):  # the end of the process cuts it off
            client.request(method, path, **options)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    yield thread
    thread.join(60)
    client.close()


def time_to_exit(process, *signals: int) -> float:
    started = time.monotonic()
    for number in signals:
        process.child.send_signal(number)
        time.sleep(0.2)
    process.child.wait(GRACE_SECONDS * 10)
    return time.monotonic() - started


def uploaded(process, service) -> str:
    with process.client(service.token("stops")) as client:
        answer = client.put("/files/raw/data.bin", content=b"hello")
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=["TERM", "INT", "HUP"])
def test_an_idle_process_ends_soon_at_any_signal(process, number):
    assert time_to_exit(process, number) < ALLOWED_SECONDS
    assert process.child.returncode == 0


@pytest.mark.parametrize("verb", ["PUT", "HEAD", "DELETE", "GET"])
def test_a_store_that_hangs_keeps_nobody_longer(process, service, store, verb):
    file_id = uploaded(process, service)
    requests = {
        "PUT": ("PUT", "/files/raw/more.bin", {"content": CONTENT}),
        "HEAD": ("GET", f"/files/{file_id}/metadata", {}),
        "DELETE": ("DELETE", f"/files/{file_id}?hard_delete=true", {}),
        "GET": ("GET", f"/files/{file_id}/download", {}),
    }
    fault = store.stall_after(0, direction="up", matching=rf"^{verb} ")
    method, path, options = requests[verb]
    with calling(process, service, method, path, **options):
        wait_until(lambda: fault.hits > 0)
        assert time_to_exit(process, signal.SIGTERM) < ALLOWED_SECONDS
    store.drop()


@pytest.mark.parametrize("hangs", ["database", "both"])
def test_a_database_that_hangs_keeps_nobody_longer(process, service, store, database, hangs):
    database.hang()
    if hangs == "both":
        store.stall_after(0, direction="up")
    with calling(process, service, "PUT", "/files/raw/more.bin", content=b"hello"):
        wait_until(lambda: database.held > 0)
        assert time_to_exit(process, signal.SIGTERM) < ALLOWED_SECONDS


def test_a_slow_upload_keeps_nobody_longer(process, service):
    with raw_connection(process.port) as connection:
        head = {"Authorization": f"Bearer {service.token('stops')}", "Content-Length": str(len(CONTENT))}
        connection.send_head("PUT", "/api/v1/files/raw/slow.bin", head)
        connection.send(CONTENT[: len(CONTENT) // 2])
        assert time_to_exit(process, signal.SIGTERM) < ALLOWED_SECONDS


def test_a_reader_who_does_not_read_keeps_nobody_longer(process, service):
    with process.client(service.token("stops")) as client:
        file_id = client.put("/files/raw/large.bin", content=CONTENT).json()["id"]
    with raw_connection(process.port) as connection:
        connection.send_head(
            "GET", f"/api/v1/files/{file_id}/download", {"Authorization": f"Bearer {service.token('stops')}"}
        )
        connection.sock.recv(1)
        assert time_to_exit(process, signal.SIGTERM) < ALLOWED_SECONDS


def test_a_second_signal_ends_it_at_once(process, service, store):
    fault = store.stall_after(0, direction="up", matching=r"^PUT ")
    with calling(process, service, "PUT", "/files/raw/more.bin", content=CONTENT):
        wait_until(lambda: fault.hits > 0)
        assert time_to_exit(process, signal.SIGTERM, signal.SIGTERM) < 2
    store.drop()


@pytest.mark.parametrize("command", [["worker"], ["maintain", "scrub"]], ids=["worker", "maintain"])
@pytest.mark.parametrize("hangs", ["store", "database"])
def test_the_other_commands_end_alike(service, store, database, command, hangs):
    variables = environment_of(service.settings, **STOPS, S3_ENDPOINT_URL=store.endpoint_url, DATABASE_URL=database.url)
    fault = store.stall_after(0, direction="up")
    if hangs == "database":
        database.hang()
    child = subprocess.Popen(
        [sys.executable, "-m", "app", *command], env=variables, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: database.held > 0 if hangs == "database" else fault.hits > 0 or database.links > 0)
        started = time.monotonic()
        child.send_signal(signal.SIGTERM)
        child.wait(GRACE_SECONDS * 10)
        assert time.monotonic() - started < ALLOWED_SECONDS
    finally:
        child.kill()
        child.wait()
        store.drop()


LOGS_FOR_EVER = """
import structlog
from app.cli.stopping import Stopping
from app.core.deadline import Deadline
from app.core.logging import configure_logging
configure_logging("INFO", "json")
stopping = Stopping(Deadline(1.0))
with stopping.listening():
    stopping.when_asked(lambda: None)
    print("up", flush=True)
    while True:
        structlog.get_logger().warning("x" * 1000)
"""


def test_a_reader_of_the_log_that_hangs_keeps_no_process():
    """Its pipe is full: the thread that writes to it holds the lock of the log for ever."""
    child = subprocess.Popen([sys.executable, "-c", LOGS_FOR_EVER], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert child.stdout.readline() == b"up\n"
        child.send_signal(signal.SIGTERM)
        child.wait(GRACE_SECONDS * 10)
    finally:
        child.kill()
        child.communicate()
    assert child.returncode == 1
