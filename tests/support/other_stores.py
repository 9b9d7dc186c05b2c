"""The S3 servers that the suite runs against, each started on loopback in a folder of its own and stopped by pid."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from app.embedded import processes
from app.embedded.exceptions import PartMissingError
from app.embedded.object_store import AccessKey, s3_client, start_object_store
from app.embedded.ports import LOOPBACK, free_port, is_listening

ROOT = Path(__file__).parents[2]
SWIFT_SERVER = Path(__file__).with_name("swift_server.py")
REGION = "us-east-1"
READY_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class RunningStore:
    """How a running server is reached."""

    endpoint_url: str
    access_key_id: str
    secret_access_key: str
    region: str = REGION

    def environment(self) -> dict[str, str]:
        """The variables that point the suite at it."""
        return {
            "TEST_S3_ENDPOINT_URL": self.endpoint_url,
            "TEST_S3_ACCESS_KEY_ID": self.access_key_id,
            "TEST_S3_SECRET_ACCESS_KEY": self.secret_access_key,
            "TEST_S3_REGION": self.region,
        }


@contextmanager
def ministack(folder: Path) -> Iterator[RunningStore]:
    """The embedded default, its objects in memory."""
    store = start_object_store(folder, persist=False)
    try:
        key = store.wait_ready()
        yield RunningStore(store.endpoint_url, key.id, key.secret)
    finally:
        processes.stop([store.child])


@contextmanager
def localstack(folder: Path) -> Iterator[RunningStore]:
    """LocalStack without Docker. It checks presigned URLs, but no signature in a header, whatever the key."""
    port = free_port()
    environ = {
        "GATEWAY_LISTEN": f"{LOOPBACK}:{port}",
        "SERVICES": "s3",
        "EAGER_SERVICE_LOADING": "1",
        "STRICT_SERVICE_LOADING": "1",
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "S3_SKIP_SIGNATURE_VALIDATION": "0",
        "FILESYSTEM_ROOT": str(folder / "files"),
        "DOCKER_HOST": f"unix://{folder / 'no-docker.sock'}",
    }
    child = _start("localstack", ["-m", "localstack.runtime.main"], folder, environ)
    try:
        child.wait_until(lambda: _localstack_serves(port), timeout_seconds=READY_TIMEOUT_SECONDS)
        yield RunningStore(f"http://{LOOPBACK}:{port}", "test", "test")
    finally:
        processes.stop([child])


def _localstack_serves(port: int) -> bool:
    """It listens before its services are loaded."""
    if not is_listening(port):
        return False
    with build_opener(ProxyHandler({})).open(f"http://{LOOPBACK}:{port}/_localstack/health", timeout=10) as answer:
        return json.load(answer)["services"].get("s3") == "running"


@contextmanager
def swift(folder: Path) -> Iterator[RunningStore]:
    """OpenStack Swift: no POST policies, no atomic conditional writes, no checksums given back."""
    ports: list[int] = []
    while len(ports) < 4:
        port = free_port()
        ports += [] if port in ports else [port]
    home = folder / "swift"
    home.mkdir()
    child = _start("swift", ["-W", "ignore", SWIFT_SERVER, home, *ports], folder, {})
    try:
        child.wait_until(lambda: is_listening(ports[0]), timeout_seconds=READY_TIMEOUT_SECONDS)
        store = RunningStore(f"http://{LOOPBACK}:{ports[0]}", "test:tester", "testing")
        # The account is made by the first request, and only one of several at once would succeed.
        s3_client(store.endpoint_url, AccessKey(store.access_key_id, store.secret_access_key)).list_buckets()
        yield store
    finally:
        processes.stop([child])


def _start(name: str, arguments: list[object], folder: Path, environ: dict[str, str]) -> processes.Child:
    python = ROOT / f".venv-{name}" / "bin" / "python"
    if not python.exists():
        raise PartMissingError(f"{name} is not installed ({python} is missing): run `make matrix`")
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    basics = {"PATH": os.defpath, "HOME": str(folder), "TMPDIR": str(temporary), "LANG": "C.UTF-8"}
    return processes.start(
        name,
        [python, "-I", *map(str, arguments)],
        data_dir=folder,
        working_dir=folder,
        environ=basics | environ,
        stop_signal=signal.SIGTERM,
    )


STORES: dict[str, Callable[[Path], AbstractContextManager[RunningStore]]] = {
    "MiniStack": ministack,
    "LocalStack": localstack,
    "Swift": swift,
}
