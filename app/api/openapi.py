"""What the OpenAPI document says of many operations alike, and what FastAPI alone would say wrongly of them."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from app.core.problems import PROBLEM, problem_description

JSON = "application/json"
FORM = "multipart/form-data"
Described = dict[str, Any]
# The order of the page: what people come for first.
TAGS: list[Described] = [
    {"name": "files", "description": "Upload, list, read, change, copy, delete, restore."},
    {"name": "direct uploads", "description": "Bytes that go straight to the store, and are verified there."},
    {"name": "grants", "description": "Who else may read or write a file."},
    {"name": "usage", "description": "What an owner has, and may have."},
    {"name": "stock upload clients", "description": "What Uppy's S3 plugin calls."},
    {"name": "API keys", "description": "For servers and scripts that act as their owner."},
    {"name": "audit", "description": "Who did what to which file; for admins."},
    {"name": "health", "description": "For whoever starts, watches and routes to the service."},
]


class DocumentedAPI(FastAPI):
    """An application whose document names every answer that it gives."""

    def openapi(self) -> Described:
        """The document, made once."""
        if not self.openapi_schema:
            self.openapi_schema = _completed(super().openapi())
        return self.openapi_schema


def _completed(document: Described) -> Described:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _complete_requests(operation)
            _complete_responses(path, operation)
    return document


def _complete_requests(operation: Described) -> None:
    """A query, a header or a form has no null: what isn't sent isn't there."""
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _without_null(parameter["schema"])
    form = operation.get("requestBody", {}).get("content", {}).get(FORM, {}).get("schema", {})
    for name, schema in form.get("properties", {}).items():
        form["properties"][name] = _without_null(schema)


def _without_null(schema: Described) -> Described:
    kinds: list[Described] = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    return {name: value for name, value in schema.items() if name not in {"anyOf", "default"}} | kinds[0]


def _complete_responses(path: str, operation: Described) -> None:
    responses: Described = operation["responses"]
    for response in responses.values():
        # FastAPI adds JSON of its own to whatever has a model.
        if PROBLEM in response.get("content", {}):
            response["content"].pop(JSON, None)
    added = []
    if any(kind.endswith("json") for kind in operation.get("requestBody", {}).get("content", ())):
        added += [400, 408, 413]  # no JSON, too slow, or too much of it
    if "_id}" in path:
        added.append(404)  # ids are matched by the path itself
    for status in added:
        described = problem_description(status)
        found = responses.setdefault(str(status), described)
        found.setdefault("content", {}).update(described["content"])
    operation["responses"] = dict(sorted(responses.items()))
