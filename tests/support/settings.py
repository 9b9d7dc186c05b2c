"""Settings as the environment of a test gives them."""

from __future__ import annotations

import pytest

from app.config import ConfigurationError, Settings

SECRET = "0123456789abcdef0123456789abcdef"
NEEDED = {
    "S3_BUCKET_NAME": "files",
    "DATABASE_URL": "postgresql://holdfast:hunter2@db:5432/holdfast",
    "AUTH_JWT_SECRET": SECRET,
}


def found(path: str) -> object:
    group, _, name = path.partition(".")
    return getattr(getattr(Settings.from_environment(), group), name)


def complaint() -> str:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environment()
    return str(caught.value)
