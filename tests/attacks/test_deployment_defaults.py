"""The container files, started as they are: no published secret, no open port, no image that changes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BY_DIGEST = re.compile(r"[a-z0-9./-]+:[a-z0-9.-]+@sha256:[0-9a-f]{64}")
# The one published secret that may stay: LocalStack knows no other, and only this machine reaches it.
SECRET_NAME = re.compile(r"(?:AUTH|SIGNING)\w*SECRET|TOKEN")


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def test_no_secret_that_signs_callers_in_has_a_published_value(services):
    values = {
        name: str(value)
        for service in services.values()
        for name, value in service.get("environment", {}).items()
        if SECRET_NAME.search(name)
    }
    assert values.keys() == {"AUTH_JWT_SECRET"}
    # Compose stops, and says so, where the variable isn't set or is empty.
    assert re.fullmatch(r"\$\{AUTH_JWT_SECRET:\?[^}]+\}", values["AUTH_JWT_SECRET"])


def test_every_port_is_open_on_loopback_only_and_every_image_is_fixed(services):
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    assert not any("network_mode" in service for service in services.values())
    images = [service["image"] for service in services.values() if "image" in service]
    assert [image for image in images if not BY_DIGEST.fullmatch(image)] == []


def test_the_image_is_built_from_one_that_does_not_change():
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(bases) == 2
    assert [base for base in bases if not BY_DIGEST.fullmatch(base)] == []
    assert len(set(bases)) == 1
