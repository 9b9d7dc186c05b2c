"""What every error of the service looks like."""

from __future__ import annotations

import httpx

MEMBERS = {"type", "title", "status", "detail", "code", "request_id", "message"}


def problem_of(answer: httpx.Response) -> dict:
    """The problem that an answer is, its common members checked."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body.keys() - {"errors", "error_count"} == MEMBERS
    assert body["status"] == answer.status_code
    assert body["type"] == f"urn:holdfast:problem:{body['code']}"
    assert body["message"] == body["detail"]
    assert body["request_id"] == answer.headers["X-Request-ID"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    return body
