"""A service in a process of its own: how much memory it holds, and how long others wait for it meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from app.config import MEBIBYTE
from tests.support.processes import Served

PAUSE_SECONDS = 0.02


@dataclass
class Waits:
    """How long each `GET /health` took while somebody attacked, in seconds."""

    seconds: list[float] = field(default_factory=list)

    @property
    def worst(self) -> float:
        return max(self.seconds)


@dataclass(frozen=True)
class Victim:
    """What is attacked."""

    served: Served

    @property
    def port(self) -> int:
        return self.served.port

    @property
    def resident_mebibytes(self) -> float:
        """Memory that the process holds now."""
        return self._status("VmRSS")

    @property
    def peak_mebibytes(self) -> float:
        """The most memory that it ever held."""
        return self._status("VmHWM")

    def client(self, token: str) -> httpx.Client:
        return self.served.client(token)

    @contextmanager
    def others_wait(self) -> Iterator[Waits]:
        """Ask for `/health` again and again until the block ends, as another caller would."""
        waits, is_over = Waits(), threading.Event()

        def ask() -> None:
            with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60) as client:
                while not is_over.is_set():
                    started = time.monotonic()
                    client.get("/health")
                    waits.seconds.append(time.monotonic() - started)
                    is_over.wait(PAUSE_SECONDS)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        try:
            yield waits
        finally:
            is_over.set()
            asking.join(60)

    def _status(self, name: str) -> float:
        lines = Path(f"/proc/{self.served.child.pid}/status").read_text(encoding="ascii").splitlines()
        kibibytes = next(line.split()[1] for line in lines if line.startswith(f"{name}:"))
        return int(kibibytes) * 1024 / MEBIBYTE
