"""What can go wrong, told without HTTP: a category says which kind of failure, a `code` says which one.

    HoldfastError
    ├── Malformed              400   the request can't be read to its end
    ├── Unauthenticated        401   nobody known is calling
    ├── Forbidden              403   known, sees it, may not do that
    ├── NotFound               404   not there, or not for this caller
    ├── TooSlow                408   the client stopped sending
    ├── Conflict               409   not in the state that the call needs
    ├── Gone                   410   was there, its time is over
    ├── Stale                  412   a precondition of the client no longer holds
    ├── TooLarge               413
    ├── UnsupportedType        415
    ├── UnsatisfiableRange     416
    ├── Misdirected            421   sent to a name that isn't ours
    ├── Invalid                422   readable, but wrong; `errors` says where
    ├── TooMany                429   `retry_after_seconds` says when to come back
    ├── Misconfigured          500   the operator has to mend it
    └── Unavailable            503   a part is down or busy; `retry_after_seconds` as above

`app.core.problems` turns any of them into one RFC 9457 answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class FieldError:
    """One wrong field of a request: where it stands and what would be right."""

    field: str
    detail: str


class HoldfastError(Exception):
    """Base of all expected failures.

    Args:
        detail: one sentence for the caller: what is wrong and what to do about it. It never holds a
            key, a bucket's name, a URL or anything of another user's.
        errors: one entry a field, for `Invalid`.
        retry_after_seconds: when a second try makes sense.
    """

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    code: ClassVar[str] = "internal_error"
    detail: ClassVar[str] = "Something went wrong on our side."

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: tuple[FieldError, ...] = (),
        retry_after_seconds: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail or self.detail)
        self.errors = errors
        self.retry_after_seconds = retry_after_seconds
        self.headers = headers or {}


class Malformed(HoldfastError):
    """The request can't be read to its end."""

    status, title, code = 400, "Malformed request", "truncated_body"


class Unauthenticated(HoldfastError):
    """Nobody known is calling."""

    status, title, code = 401, "Authentication required", "unauthenticated"
    detail = "Send 'Authorization: Bearer <token>'."


class Forbidden(HoldfastError):
    """The caller is known and sees the thing, but may not do that."""

    status, title, code = 403, "Forbidden", "forbidden"
    detail = "You may not do this."


class NotFound(HoldfastError):
    """Not there, or not for this caller: the answer is the same."""

    status, title, code = 404, "Not found", "not_found"
    detail = "There is nothing at this address."


class TooSlow(HoldfastError):
    """The client stopped sending, or sends too slowly."""

    status, title, code = 408, "Request timeout", "request_timeout"
    detail = "The body arrived too slowly; send it again."


class Conflict(HoldfastError):
    """The thing is not in the state that the call needs."""

    status, title, code = 409, "Conflict", "file_not_available"


class Gone(HoldfastError):
    """It was there, and its time is over."""

    status, title, code = 410, "Gone", "upload_expired"


class Stale(HoldfastError):
    """A precondition of the client no longer holds."""

    status, title, code = 412, "Precondition failed", "precondition_failed"


class TooLarge(HoldfastError):
    """More bytes than allowed."""

    status, title, code = 413, "Too large", "file_too_large"


class UnsupportedType(HoldfastError):
    """A kind of content that is not accepted."""

    status, title, code = 415, "Unsupported media type", "content_type_not_allowed"


class UnsatisfiableRange(HoldfastError):
    """None of the bytes asked for exist."""

    status, title, code = 416, "Range not satisfiable", "range_not_satisfiable"


class Misdirected(HoldfastError):
    """The request was sent to a name that isn't ours."""

    status, title, code = 421, "Misdirected request", "host_not_allowed"


class Invalid(HoldfastError):
    """Readable, but wrong."""

    status, title, code = 422, "Invalid request", "validation_error"


class TooMany(HoldfastError):
    """Too many requests; come back later."""

    status, title, code = 429, "Too many requests", "rate_limited"


class Misconfigured(HoldfastError):
    """The operator has to mend something; the log says what."""

    status, title, code = 500, "Misconfigured", "storage_misconfigured"
    detail = "The service is not set up correctly; its operator has been told."


class Unavailable(HoldfastError):
    """A part that the service needs is down or busy."""

    status, title, code = 503, "Service unavailable", "storage_unavailable"

    def __init__(self, detail: str | None = None, *, retry_after_seconds: int = 5) -> None:
        super().__init__(detail, retry_after_seconds=retry_after_seconds)
