"""No route can be added that reads a body before it's known who calls, or takes a collection without an end."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Form, Header
from fastapi.routing import APIRoute

from app.api import v1
from app.core.bounded_route import BoundedRoute
from app.core.wire_types import RequestModel
from app.main import create_app
from app.modules.auth.dependencies import Writer
from tests.support.service import SECRET, settings_with


class Wanted(RequestModel):
    name: str


@pytest.fixture(scope="module")
def document():
    settings = {
        "store": {"bucket_name": "unused"},
        "database": {"url": "postgresql://nobody@localhost/unused"},
        "auth": {"jwt_secret": SECRET},
    }
    return create_app(settings_with(settings)).openapi()


def test_every_route_of_the_api_is_a_bounded_one():
    routes = [route for router in v1.ROUTERS for route in router.routes]
    assert len(routes) > 30
    assert [route for route in routes if isinstance(route, APIRoute) and not isinstance(route, BoundedRoute)] == []


def test_a_route_whose_parameters_dont_say_who_calls_takes_no_body():
    router = APIRouter(route_class=BoundedRoute)

    async def nobody_asked(wanted: Wanted) -> None: ...

    async def somebody_asked(wanted: Wanted, principal: Writer) -> None: ...

    with pytest.raises(TypeError, match="who calls"):
        router.post("/a")(nobody_asked)
    router.post("/b")(somebody_asked)


@pytest.mark.parametrize("kind", ["form", "two"])
def test_a_body_that_nothing_bounds_is_refused(kind):
    router = APIRouter(route_class=BoundedRoute)

    async def form(principal: Writer, name: Annotated[str, Form()]) -> None: ...

    async def two(principal: Writer, first: Wanted, second: Wanted, x: Annotated[str, Header()]) -> None: ...

    with pytest.raises(TypeError, match="one model"):
        router.post("/a")({"form": form, "two": two}[kind])


def schemas_that_come_in(document: dict[str, Any]):
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                yield f"{method} {path} {parameter['name']}", parameter["schema"]
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                # XML's elements are counted before they are parsed.
                if not kind.endswith("xml"):
                    yield f"{method} {path}", content["schema"]


def unbounded(document: dict[str, Any], where: str, schema: dict[str, Any]):
    """What of a schema has no end: arrays without `maxItems`, free members without `maxProperties`."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield from unbounded(document, f"{where} {name}", document["components"]["schemas"][name])
    if schema.get("type") == "array" and "maxItems" not in schema:
        yield where
    is_free = schema.get("type") == "object" and schema.get("additionalProperties") is not False
    if is_free and "maxProperties" not in schema:
        yield where
    for inner in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from unbounded(document, where, inner)
    if "items" in schema:
        yield from unbounded(document, f"{where}[]", schema["items"])
    for name, inner in schema.get("properties", {}).items():
        yield from unbounded(document, f"{where}.{name}", inner)


def test_every_collection_that_comes_in_has_an_end(document):
    come_in = list(schemas_that_come_in(document))
    assert len(come_in) > 50
    assert [found for where, schema in come_in for found in unbounded(document, where, schema)] == []


def test_a_problem_says_how_many_errors_it_lists(document):
    listed = document["components"]["schemas"]["Problem"]["properties"]["errors"]["anyOf"][0]
    assert listed["maxItems"] == 20
    assert "error_count" in document["components"]["schemas"]["Problem"]["properties"]
