"""Case 36: what parses requests is never older than the versions in which it stopped failing on hostile ones."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
FLOORS = {
    "fastapi": "0.165",
    "httptools": "0.9",
    "pyjwt": "2.15",
    "python-multipart": "0.0.34",
    "starlette": "1.10",
    "uvicorn": "0.54",
}


@pytest.mark.parametrize(("name", "version"), FLOORS.items())
def test_no_older_parser_can_be_installed(name, version):
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    [floor] = [each.specifier for each in map(Requirement, declared) if each.name == name]
    found = [Version(each.version) for each in floor if each.operator == ">="]
    assert found
    assert min(found) >= Version(version)


@pytest.mark.parametrize(("name", "version"), FLOORS.items())
def test_no_older_parser_is_locked(name, version):
    locked = (ROOT / "requirements/runtime.txt").read_text()
    [found] = re.findall(rf"^{re.escape(name)}(?:\[\w+\])?==(\S+)", locked, flags=re.MULTILINE)
    assert Version(found) >= Version(version)
