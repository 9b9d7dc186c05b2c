"""Launchers in processes of their own, which tests start, stop and kill."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from launchers import FAST, Launcher


@pytest.fixture
def launch() -> Iterator[Callable[..., Launcher]]:
    """Start a launcher; all that a test leaves running end with it."""
    launchers: list[Launcher] = []

    def start(
        data_dir: Path, *options: str, kind: str = "embedded", wait: bool = True, environ: dict[str, str] | None = None
    ) -> Launcher:
        launchers.append(Launcher.start(data_dir, *options, kind=kind, environ=environ))
        return launchers[-1].wait_ready() if wait else launchers[-1]

    yield start
    for launcher in launchers:
        launcher.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """A launcher that tests only look at."""
    launcher = Launcher.start(
        tmp_path_factory.mktemp("running"),
        *FAST,
        "http_host='127.0.0.1'",
        "http_port=8000",
        environ={"S3_KEY_PREFIX": "it's/€"},
    )
    yield launcher.wait_ready()
    launcher.close()
