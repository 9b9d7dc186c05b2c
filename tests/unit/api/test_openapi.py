"""What the OpenAPI document says of all operations."""

from __future__ import annotations

import re

import pytest

from app.api.openapi import FORM, JSON
from app.core.problems import PROBLEM
from app.main import create_app
from tests.support.service import SECRET, settings_with

FOR_ANYONE = {
    "GET /api/v1/files/{file_id}",
    "HEAD /api/v1/files/{file_id}",
    "GET /api/v1/files/{file_id}/download",
    "HEAD /api/v1/files/{file_id}/download",
    "GET /api/v1/files/{file_id}/presigned-url",
    "POST /api/v1/files/uppy/{file_id}/create",
    "GET /api/v1/files/uppy/{file_id}/parts",
    "POST /api/v1/files/uppy/{file_id}/complete",
    "DELETE /api/v1/files/uppy/{file_id}",
}


@pytest.fixture(scope="module")
def document():
    settings = {
        "store": {"bucket_name": "unused"},
        "database": {"url": "postgresql://nobody@localhost/unused"},
        "auth": {"jwt_secret": SECRET},
    }
    return create_app(settings_with(settings)).openapi()


@pytest.fixture(scope="module")
def operations(document):
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_every_group_of_operations_says_what_it_is_for(document, operations):
    described = {tag["name"] for tag in document["tags"]}
    assert described == {tag for operation in operations.values() for tag in operation["tags"]}


def test_every_error_is_described_as_a_problem_or_as_what_stock_clients_read(operations):
    for name, operation in operations.items():
        for status, response in operation["responses"].items():
            if int(status) >= 400 and "/health" not in name:
                assert set(response["content"]) & {PROBLEM, "application/xml"}, (name, status)
                assert JSON not in response["content"], (name, status)


def test_every_operation_with_json_in_it_says_what_unreadable_and_endless_json_are_answered(operations):
    takes_json = {
        name
        for name, operation in operations.items()
        if any(kind.endswith("json") for kind in operation.get("requestBody", {}).get("content", ()))
    }
    assert len(takes_json) >= 9
    for name in takes_json:
        assert operations[name]["responses"].keys() >= {"400", "401", "403", "413", "422"}, name


def test_every_operation_with_an_id_in_its_address_may_find_nothing(operations):
    for name, operation in operations.items():
        if "_id}" in name:
            assert PROBLEM in operation["responses"]["404"]["content"], name


def test_no_query_header_or_form_has_a_null(operations):
    schemas = [
        parameter["schema"] for operation in operations.values() for parameter in operation.get("parameters", ())
    ]
    for operation in operations.values():
        form = operation.get("requestBody", {}).get("content", {}).get(FORM, {}).get("schema", {})
        schemas += form.get("properties", {}).values()
    assert [schema for schema in schemas if {"type": "null"} in schema.get("anyOf", ())] == []


def test_only_what_is_public_needs_no_credential(operations):
    optional = {name for name, operation in operations.items() if {} in operation.get("security", ())}
    assert optional == FOR_ANYONE
    open_to_all = {name for name, operation in operations.items() if not operation.get("security")}
    assert open_to_all == {"GET /health", "GET /health/ready"}


def test_no_text_of_a_body_may_hold_a_nul(document):
    pattern = document["components"]["schemas"]["FilePatch"]["properties"]["folder"]["pattern"]
    assert re.search(pattern, "two\nlines")
    assert not re.search(pattern, "a\0b")
    assert not re.search(document["components"]["schemas"]["KeyRequest"]["properties"]["name"]["pattern"], "two\nlines")


def test_numbers_of_bodies_keep_their_bounds(document):
    schemas = document["components"]["schemas"]
    number = schemas["CompletedPart"]["properties"]["part_number"]
    assert (number["minimum"], number["maximum"]) == (1, 10_000)
    expiry = schemas["PresignedUrlsRequest"]["properties"]["expiry"]["anyOf"][0]
    assert (expiry["minimum"], expiry["maximum"]) == (1, 604_800)
    assert schemas["BatchRequest"]["properties"]["ids"]["uniqueItems"]


def test_the_document_is_made_once(document):
    settings = {"store": {"bucket_name": "unused"}, "database": {"url": "postgresql://nobody@localhost/unused"}}
    app = create_app(settings_with({**settings, "auth": {"jwt_secret": SECRET}}))
    assert app.openapi() is app.openapi()
    assert app.openapi() == document
