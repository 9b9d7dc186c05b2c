"""What can be wrong with a file. Each class adds its stable `code` to a category of `app.core.exceptions`."""

from __future__ import annotations

from app.core.exceptions import (
    Conflict,
    Invalid,
    Malformed,
    NotFound,
    Stale,
    TooLarge,
    UnsatisfiableRange,
    UnsupportedType,
)


class FileNotFound(NotFound):
    """No such file, or not one that this caller may see."""

    code = "file_not_found"
    detail = "There is no such file."


class FileNotAvailable(Conflict):
    """The file exists, but its bytes are not verified (or no longer there)."""

    code = "file_not_available"
    detail = "The file is not available."


class FileTooLarge(TooLarge):
    """More bytes than `S3_MAX_FILE_SIZE_MB`."""

    code = "file_too_large"


class EmptyFile(Invalid):
    """No byte at all."""

    title = "Empty file"
    code = "empty_file"
    detail = "The file is empty; choose one with content."


class ExtensionNotAllowed(UnsupportedType):
    """The name's last suffix is not on the list, or one of its suffixes is never accepted."""

    code = "extension_not_allowed"


class ContentTypeNotAllowed(UnsupportedType):
    """Declared or found type is not on the list."""

    code = "content_type_not_allowed"


class ContentTypeMismatch(UnsupportedType):
    """The bytes are not what the name or the declared type says."""

    code = "content_type_mismatch"


class ChecksumMismatch(Invalid):
    """The bytes that arrived are not those whose SHA-256 the client gave."""

    title = "Checksum mismatch"
    code = "checksum_mismatch"


class SizeMismatch(Invalid):
    """Not as many bytes as declared."""

    title = "Size mismatch"
    code = "size_mismatch"


class InvalidFilename(Invalid):
    """Nothing usable is left of the name."""

    title = "Invalid filename"
    code = "invalid_filename"


class InvalidFolder(Invalid):
    """Not a path of plain segments."""

    title = "Invalid folder"
    code = "invalid_folder"
    detail = "A folder is made of segments of letters, digits, '_', '-', '.' and spaces, joined by '/'."


class InvalidMetadata(Invalid):
    """Not a JSON object within the limits."""

    title = "Invalid metadata"
    code = "invalid_metadata"


class TruncatedBody(Malformed):
    """The body ends before its own end."""

    code = "truncated_body"
    detail = "The body ended too early; send it again."


class PreconditionFailed(Stale):
    """`If-Match` names another version."""

    code = "precondition_failed"
    detail = "The file has changed since you read it; read it again."


class RangeNotSatisfiable(UnsatisfiableRange):
    """The range begins behind the last byte."""

    code = "range_not_satisfiable"
    detail = "The range begins behind the file's last byte."


class IdempotencyKeyReused(Conflict):
    """The key stands for another request."""

    title = "Idempotency key reused"
    code = "idempotency_key_reused"
    detail = "This Idempotency-Key was sent with another request; use a new one."


class IdempotencyInProgress(Conflict):
    """The first request with the key still runs."""

    title = "Request in progress"
    code = "idempotency_in_progress"
    detail = "The first request with this Idempotency-Key is still running; ask again in a moment."
