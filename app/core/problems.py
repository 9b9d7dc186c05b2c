"""Turns every failure into one RFC 9457 answer, logged once."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.exceptions import FieldError, HoldfastError, Invalid, Unauthenticated
from app.core.middleware import request_id

log = structlog.get_logger()
PROBLEM = "application/problem+json"
METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
SERVER_ERROR = 500
# Of the errors of one request; whoever mends twenty may send it again and hear of the next.
MAX_LISTED = 20
# Of the name of a field, which a caller may have invented, and of what is said about it.
MAX_TOLD_CHARACTERS = 300
NOBODY_LISTENS = 499  # nginx's number for a client that went away; only ever seen in the log


class ProblemField(BaseModel):
    """One wrong field."""

    field: str = Field(examples=["body.folder"])
    detail: str


class Problem(BaseModel):
    """RFC 9457 problem details: what every error looks like."""

    type: str = Field(examples=["urn:holdfast:problem:file_not_found"])
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable; the list stands in the API's description.")
    request_id: str
    message: str = Field(description="The same as `detail`, for stock upload clients.")
    errors: Annotated[
        list[ProblemField] | None, Field(max_length=MAX_LISTED, description=f"The first {MAX_LISTED} that were found.")
    ] = None
    error_count: Annotated[
        int | None,
        Field(
            description="How many were found, listed or not; given with `errors`. An array is read up to its first "
            "wrong item, so that there may be more."
        ),
    ] = None


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of error answers."""
    return {status: {"model": Problem, **problem_description(status)} for status in statuses}


def problem_description(status: int) -> dict[str, Any]:
    """The OpenAPI description of one error answer, in a document that has the schema of problems."""
    return {
        "description": HTTPStatus(status).phrase,
        "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def problem_of(error: HoldfastError) -> dict[str, Any]:
    """The body of the answer to an expected failure."""
    return _body(type(error).status, type(error).title, type(error).code, str(error), error.errors)


def _body(status: int, title: str, code: str, detail: str, errors: Sequence[FieldError] = ()) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": f"urn:holdfast:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id(),
        "message": detail,
    }
    if errors:
        listed = errors[:MAX_LISTED]
        body["errors"] = [{"field": _short(error.field), "detail": _short(error.detail)} for error in listed]
        body["error_count"] = len(errors)
    if len(errors) > MAX_LISTED:
        body["detail"] = body["message"] = f"{len(errors)} fields are wrong; errors lists the first {MAX_LISTED}."
    return body


def _short(text: str) -> str:
    """Without what only the caller could have made so long."""
    return text if len(text) <= MAX_TOLD_CHARACTERS else f"{text[:MAX_TOLD_CHARACTERS]}…"


def _answer(body: dict[str, Any], headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(body, status_code=body["status"], headers=headers, media_type=PROBLEM)


async def problem_answer(error: HoldfastError) -> Response:
    """The whole answer to an expected failure, which is logged."""
    headers = dict(error.headers)
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    level = "error" if type(error).status >= SERVER_ERROR else "info"
    await getattr(log, f"a{level}")("request_refused", code=type(error).code, status=type(error).status)
    return _answer(problem_of(error), headers)


async def _on_expected(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HoldfastError):
        raise error
    return await problem_answer(error)


async def _on_validation(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    errors = tuple(
        FieldError(".".join(str(part) for part in item["loc"]), str(item["msg"]).removeprefix("Value error, "))
        for item in error.errors()
    )
    return await problem_answer(Invalid("Some fields are wrong; see errors.", errors=errors))


async def _on_http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    problem_status = int(status)
    code = {
        HTTPStatus.NOT_FOUND: "not_found",
        HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    }.get(status, "validation_error")
    detail = {
        HTTPStatus.NOT_FOUND: "There is nothing at this address.",
        HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take that method; the Allow header names those it takes.",
    }.get(status, "The request can't be read.")
    headers = dict(error.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods_at(request))
    return _answer(_body(problem_status, status.phrase, code, detail), headers)


def _methods_at(request: Request) -> list[str]:
    """The methods of all routes at an address; the router names those of the first one only."""
    routes = request.app.routes
    return [
        method
        for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


async def _on_disconnect(_request: Request, _error: Exception) -> Response:
    return Response(status_code=NOBODY_LISTENS)


def install_problem_handlers(app: FastAPI) -> None:
    """Make the app answer every failure with a problem."""
    app.add_exception_handler(HoldfastError, _on_expected)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)


class UnexpectedErrors:
    """Answers what nobody foresaw with a plain problem, and logs it with its traceback.

    It stands inside the other middleware, so that this answer carries their headers too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; step in only where no answer has begun."""
        has_begun = False

        async def watching(message: Message) -> None:
            nonlocal has_begun
            has_begun = has_begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watching)
        except Exception as error:
            if has_begun or scope["type"] != "http":
                # The server cuts the connection, so that nobody takes half an answer for a whole one.
                raise
            log.exception("request_failed", exc_info=error)
            answer = _answer(_body(SERVER_ERROR, "Internal error", "internal_error", HoldfastError.detail))
            await answer(scope, receive, send)
