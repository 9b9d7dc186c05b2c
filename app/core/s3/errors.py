"""What the store's errors mean: only a real not-found is a not-found; an outage never looks like lost data."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.exceptions import (
    ConnectionError as BotoConnectionError,
)

from app.core.exceptions import Conflict, FieldError, HoldfastError, Invalid, Misconfigured, NotFound, Unavailable
from app.core.slots import StorageBusy


class ObjectNotFound(NotFound):
    """The store has no object under that key."""

    code = "file_not_found"


class UploadNotFound(NotFound):
    """The store knows no such multipart upload (any more)."""

    code = "upload_not_found"


class ObjectChanged(Conflict):
    """The object is not the one that the condition names."""


class ObjectArchived(Conflict):
    """The object lies in an archive class and has to be restored there first."""

    code = "file_not_available"
    detail = "The file is archived; its operator has to restore it in the store first."


class StoreRefusedBody(Unavailable):
    """The store found other bytes than announced; the transfer was damaged on the way."""

    code = "storage_unavailable"

    detail = "The bytes were damaged on the way to the store; send them again."


class StorageUnavailable(Unavailable):
    """The store can't be reached, or fails by itself."""

    code = "storage_unavailable"
    detail = "The store can't be reached right now; try again in a few seconds."


class StorageMisconfigured(Misconfigured):
    """The bucket, the region, the key or its rights are wrong."""

    code = "storage_misconfigured"


class StorageClassNotOffered(Invalid):
    """The store has no such storage class; which ones it has, only it knows."""

    def __init__(self) -> None:
        wrong = FieldError("body.storage_class", "this store doesn't offer it; leave it out")
        super().__init__("The store doesn't offer this storage class; see errors.", errors=(wrong,))


_MEANINGS: tuple[tuple[frozenset[str], type[HoldfastError]], ...] = (
    (frozenset({"NoSuchUpload"}), UploadNotFound),
    (frozenset({"404", "NoSuchKey", "NotFound", "NoSuchVersion"}), ObjectNotFound),
    (frozenset({"InvalidObjectState"}), ObjectArchived),
    (frozenset({"NotImplemented", "501"}), StorageMisconfigured),
    (frozenset({"InvalidStorageClass"}), StorageClassNotOffered),
    (frozenset({"412", "304", "PreconditionFailed", "ConditionalRequestConflict"}), ObjectChanged),
    (
        frozenset({"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "IncompleteBody", "RequestTimeout"}),
        StoreRefusedBody,
    ),
    (frozenset({"SlowDown", "TooManyRequests", "ServiceUnavailable", "503", "429", "Throttling"}), StorageBusy),
)
_SERVER_ERROR = 500


def translate(error: BotoCoreError | ClientError) -> HoldfastError:
    """Turn what boto3 raises into our categories.

    The text of the original never reaches a caller: it holds bucket names, keys and addresses.
    """
    if isinstance(error, ClientError):
        return _translate_answer(error)
    if isinstance(error, NoCredentialsError | PartialCredentialsError | ProfileNotFound):
        return StorageMisconfigured()
    if isinstance(error, HTTPClientError | BotoConnectionError | IncompleteReadError):
        return StorageUnavailable()
    return StorageMisconfigured()


def _translate_answer(error: ClientError) -> HoldfastError:
    code = answer_code(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code == "RequestTimeTooSkewed":
        return StorageUnavailable("The clocks of the service and of the store differ too much; try again later.")
    for codes, category in _MEANINGS:
        if code in codes:
            return category()
    return StorageUnavailable() if status >= _SERVER_ERROR else StorageMisconfigured()


def answer_code(error: BotoCoreError | ClientError) -> str:
    """The store's own word for the error, for the log."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "unknown"))
    return type(error).__name__


def is_not_implemented(error: HoldfastError) -> bool:
    """Whether a translated error means that the store knows no such operation, header or condition."""
    cause = error.__cause__
    return isinstance(cause, ClientError) and answer_code(cause) in {"NotImplemented", "501"}
