"""How each row of the table is called, and how an answer is written as a letter."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import httpx

from app.modules.auth.principal import Principal
from app.modules.uploads.uppy_tokens import Operation
from tests.authorisation.stage import CONTENT
from tests.authorisation.table import Row
from tests.support.uppy import completion, key_of

LETTERS = {401: "?", 403: "x", 404: ".", 409: "!", 410: "~"}
NEW_UPLOAD = {"filename": "new.txt", "content_type": "text/plain", "file_size": 5}
CONTROL = {
    "POST /files/uppy/{file_id}/create": Operation.CREATE,
    "GET /files/uppy/{file_id}/parts": Operation.LIST,
    "POST /files/uppy/{file_id}/complete": Operation.COMPLETE,
    "DELETE /files/uppy/{file_id}": Operation.ABORT,
}
# Bodies and queries by row, of rows that need one.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "GET /files/{file_id}/download#redirect": {"params": {"redirect": True}},
    "PATCH /files/{file_id}": {"json": {"description": "changed"}},
    "PATCH /files/{file_id}#is_public": {"json": {"is_public": None}},
    "PATCH /files/{file_id}#publish": {"json": {"is_public": True, "description": "published"}},
    "PUT /files/{file_id}/grants/{principal}#read": {"json": {"access": "read"}},
    "PATCH /files/{file_id}#expires_at": {"json": {"expires_at": "2199-01-01T00:00:00Z"}},
    "PATCH /files/{file_id}#owner_id": {"json": {"owner_id": "somebody"}},
    "PUT /files/{file_id}/content": {"content": b"other words"},
    "DELETE /files/{file_id}#hard_delete": {"params": {"hard_delete": True}},
    "PUT /files/{file_id}/grants/{principal}": {"json": {"access": "read"}},
    "POST /files/uploads/{file_id}/parts": {"json": {"part_numbers": [1]}},
    "POST /files/uppy/{file_id}/complete": {"content": completion({1: "a"})},
    "POST /files/uppy/{file_id}/complete#bare": {"content": completion({1: "a"})},
    "POST /files/upload": {"files": {"file": ("new.txt", CONTENT)}},
    "POST /files/upload#owner_id": {"files": {"file": ("new.txt", CONTENT)}, "data": {"owner_id": "somebody"}},
    "PUT /files/raw/{filename}": {"content": CONTENT},
    "PUT /files/raw/{filename}#owner_id": {"content": CONTENT, "params": {"owner_id": "somebody"}},
    "POST /files/uploads": {"json": NEW_UPLOAD},
    "POST /files/uploads#owner_id": {"json": {**NEW_UPLOAD, "owner_id": "somebody"}},
    "POST /files/uppy/sign": {"json": {"method": "POST", "key": key_of(CONTENT, "new.txt")}},
    "GET /files#owner_id": {"params": {"owner_id": "alice"}},
    "GET /files/folders#owner_id": {"params": {"owner_id": "alice"}},
    "POST /keys": {"json": {"name": "new"}},
    "POST /keys#admin": {"json": {"name": "new", "scopes": ["files:admin"]}},
    "GET /keys#owner_id": {"params": {"owner_id": "alice"}},
    "GET /usage#owner_id": {"params": {"owner_id": "alice"}},
    "PUT /usage/{owner_id}/limits": {"json": {"max_bytes": None, "max_files": None}},
}
MANY = {"move": {"folder": "moved"}, "copy": {"new_folder": "copied"}}


def arguments(service, row: Row, file_id: str, state: str) -> dict[str, Any]:
    """What is sent, as keyword arguments of a client."""
    if row.operation == "POST /files/batch":
        return {"json": {"operation": row.way, "ids": [file_id], **MANY.get(row.way, {})}}
    if row.operation == "POST /files/presigned-urls":
        return {"json": {"ids": [file_id]}}
    if row.name == "PATCH /files/{file_id}#is_public":
        return {"json": {"is_public": state != "public"}}
    if row.name == "POST /files/uppy/sign#step":
        return {"json": {"method": "GET", "key": file_id, "uploadId": file_id}}
    given = ARGUMENTS.get(row.name, {})
    if row.operation in CONTROL and row.way != "bare":
        tokens = service.app.state.upload_services.control_tokens
        token = tokens.issue(Principal("alice"), UUID(file_id), CONTROL[row.operation])
        return {**given, "params": {"token": token}}
    return given


def address(service, row: Row, **values: str) -> str:
    """Where it goes. A path with two slashes in front lies outside of the API's prefix."""
    path = row.operation.partition(" ")[2]
    base = f"{service.base_url}/api/v1{path}" if not path.startswith("//") else f"{service.base_url}{path[1:]}"
    grantee = "user:reader" if path.startswith("/files") and row.operation.startswith("DELETE") else f"user:{uuid4()}"
    return base.format_map({"filename": "new.txt", "owner_id": "somebody", "principal": grantee, **values})


def letter(row: Row, answer: httpx.Response) -> str:
    """The answer as the table writes it; a status that it has no letter for, as it is."""
    status, body = answer.status_code, None
    if status == 200 and row.operation in {"POST /files/batch", "POST /files/presigned-urls"}:
        [body] = answer.json()["results"]
        status = body["status"]
    if status == row.ok:
        return "o" if row.operation.endswith("/exists") and not answer.json()["exists"] else "+"
    return LETTERS.get(status, f"({status})")
