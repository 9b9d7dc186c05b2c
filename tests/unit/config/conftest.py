"""Nothing of the environment of whoever runs the tests gets in."""

from __future__ import annotations

import os
import re

import pytest

from tests.support.settings import NEEDED


@pytest.fixture(autouse=True)
def environ(monkeypatch, tmp_path):
    """An environment with nothing but what is needed, in a folder without `.env`."""
    monkeypatch.chdir(tmp_path)
    for name in [*os.environ]:
        if re.match(
            r"(S3|AUTH|DATABASE|UPLOADS?|QUOTA|AWS|RATE|FORWARDED)_"
            r"|(HOST|PORT|DEBUG|DATA_DIR|LOG_.*|CORS_.*|API_.*|PUBLIC_URL|SHUTDOWN_.*)$",
            name,
        ):
            monkeypatch.delenv(name)
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch
