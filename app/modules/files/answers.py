"""What several routers of this module answer alike: records with their ETag, problems, bytes."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from app.core.problems import problem_responses
from app.modules.auth.principal import Principal
from app.modules.files.models import FileUpload
from app.modules.files.schemas import File, FileReceipt, SharedFile, record_for
from app.modules.files.services.records import record_etag
from app.modules.files.visibility import is_owned_by

IfMatch = Annotated[str | None, Header(description='The record\'s ETag, such as "v3".')]
UPLOAD_PROBLEMS = problem_responses(400, 401, 403, 408, 409, 413, 415, 422, 503)
CHANGE_PROBLEMS = problem_responses(401, 403, 404, 409, 412, 422, 503)
# Nobody has to be known for what is public.
FOR_ANYONE: dict[str, Any] = {"security": [{}]}
# The version of a file that became available and wasn't changed since.
VERSION_WHEN_MADE = 1
BYTES: dict[str, Any] = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


# Of routes that change a file for a caller who may not be allowed to read it.
CHANGED = File | SharedFile | FileReceipt


def record_answer(file: FileUpload, principal: Principal, *, status_code: int = 200) -> JSONResponse:
    """The record, as much of it as the caller may see."""
    return _answer(file, record_for(principal, file), status_code=status_code)


def _answer(file: FileUpload, body: BaseModel, *, status_code: int) -> JSONResponse:
    headers = {"ETag": record_etag(file), "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    return JSONResponse(body.model_dump(mode="json"), status_code=status_code, headers=headers)


def created_answer(request: Request, file: FileUpload, principal: Principal) -> JSONResponse:
    """The record of a new file, and where it is: its maker knows what is in it, whatever else it may see.

    An idempotent request finds the file as it is now. What became of it since isn't for who may only write.
    """
    is_as_made = file.version <= VERSION_WHEN_MADE
    body = File.of(file) if is_as_made and is_owned_by(principal, file) else record_for(principal, file)
    answer = _answer(file, body, status_code=201)
    answer.headers["Location"] = request.url_for("get_file", file_id=file.id).path
    return answer
