"""The arrows of the house, and habits that rot where nobody looks."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.middleware.base import BaseHTTPMiddleware

from app.api import v1
from app.main import create_app
from app.modules.auth.dependencies import current_principal
from tests.support.service import SECRET, settings_with

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def app():
    """The application, not started."""
    settings = settings_with(
        {
            "store": {"bucket_name": "files"},
            "database": {"url": "postgresql://localhost/none"},
            "auth": {"jwt_secret": SECRET},
            "server": {"cors_origins": ["https://app.example.com"]},
        }
    )
    return create_app(settings)


def test_imports_point_downward_only():
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_middleware_reads_bodies(app):
    """Case 38: BaseHTTPMiddleware changes what streaming and a disconnect mean."""
    layers, layer = [], app.build_middleware_stack()
    while layer is not None:
        layers.append(type(layer))
        layer = getattr(layer, "app", None)
    assert {"RequestContext", "CORSMiddleware"} <= {each.__name__ for each in layers}
    assert [each for each in layers if issubclass(each, BaseHTTPMiddleware)] == []


def calls_of(dependant) -> set[object]:
    """Every function that a route depends on, at any depth."""
    return {dependant.call, *(call for each in dependant.dependencies for call in calls_of(each))}


def test_every_route_of_the_api_asks_who_calls(app):
    """Cases 22 and 90: a new route can't forget it."""
    routes = [route for router in v1.ROUTERS for route in router.routes]
    documented = {path for path in app.openapi()["paths"] if path.startswith("/api/v1")}
    paths = {re.sub(r":[a-z]+}", "}", route.path) for route in routes if route.include_in_schema}
    assert documented == {f"/api/v1{path}" for path in paths}
    assert [route.path for route in routes if current_principal not in calls_of(route.dependant)] == []


def test_every_route_describes_its_answers_and_its_problems(app):
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            assert operation.get("description"), (method, path)
            if path.startswith("/api/v1"):
                assert {"401", "422", "429"} <= operation["responses"].keys(), (method, path)


def test_building_the_app_connects_to_nothing(app):
    assert not hasattr(app.state, "file_services")


def test_no_file_of_the_app_is_too_long_to_read():
    long = {path.name: len(path.read_text().splitlines()) for path in (ROOT / "app").rglob("*.py")}
    assert {name: lines for name, lines in long.items() if lines > 300} == {}
