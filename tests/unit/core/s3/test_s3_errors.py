"""What the store's errors mean: an outage is never a lost file, and no text of the store's gets out."""

from __future__ import annotations

import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError

from app.core.exceptions import Unavailable
from app.core.s3.errors import (
    ObjectChanged,
    ObjectNotFound,
    StorageMisconfigured,
    StorageUnavailable,
    StoreRefusedBody,
    UploadNotFound,
    answer_code,
    translate,
)
from app.core.slots import StorageBusy

TOLD = "arn:aws:s3:::secret-bucket/secret-key"


def answer(code: str, status: int) -> ClientError:
    response = {"Error": {"Code": code, "Message": TOLD}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "GetObject")


ANSWERS = [
    ("NoSuchKey", 404, ObjectNotFound),
    ("404", 404, ObjectNotFound),
    ("NoSuchVersion", 404, ObjectNotFound),
    ("NoSuchUpload", 404, UploadNotFound),
    ("NoSuchBucket", 404, StorageMisconfigured),
    ("AccessDenied", 403, StorageMisconfigured),
    ("403", 403, StorageMisconfigured),
    ("SignatureDoesNotMatch", 403, StorageMisconfigured),
    ("InvalidAccessKeyId", 403, StorageMisconfigured),
    ("ExpiredToken", 400, StorageMisconfigured),
    ("PermanentRedirect", 301, StorageMisconfigured),
    ("PreconditionFailed", 412, ObjectChanged),
    ("412", 412, ObjectChanged),
    ("BadDigest", 400, StoreRefusedBody),
    ("IncompleteBody", 400, StoreRefusedBody),
    ("SlowDown", 503, StorageBusy),
    ("429", 429, StorageBusy),
    ("ServiceUnavailable", 503, StorageBusy),
    ("InternalError", 500, StorageUnavailable),
    ("500", 500, StorageUnavailable),
    ("502", 502, StorageUnavailable),
    ("RequestTimeTooSkewed", 403, StorageUnavailable),
]
FAILURES = [
    (boto.EndpointConnectionError(endpoint_url=TOLD), StorageUnavailable),
    (boto.ConnectTimeoutError(endpoint_url=TOLD), StorageUnavailable),
    (boto.ReadTimeoutError(endpoint_url=TOLD), StorageUnavailable),
    (boto.ConnectionClosedError(endpoint_url=TOLD), StorageUnavailable),
    (boto.ProxyConnectionError(proxy_url=TOLD), StorageUnavailable),
    (boto.SSLError(endpoint_url=TOLD, error="x"), StorageUnavailable),
    (boto.ResponseStreamingError(error=TOLD), StorageUnavailable),
    (boto.IncompleteReadError(actual_bytes=1, expected_bytes=2), StorageUnavailable),
    (boto.NoCredentialsError(), StorageMisconfigured),
    (boto.PartialCredentialsError(provider="x", cred_var="y"), StorageMisconfigured),
    (boto.ProfileNotFound(profile="x"), StorageMisconfigured),
    (boto.ParamValidationError(report=TOLD), StorageMisconfigured),
]


@pytest.mark.parametrize(("code", "status", "category"), ANSWERS)
def test_an_answer_means_one_thing(code, status, category):
    """Case 82: only a real not-found is one."""
    assert type(translate(answer(code, status))) is category
    assert answer_code(answer(code, status)) == code


@pytest.mark.parametrize(("error", "category"), FAILURES)
def test_a_failure_without_an_answer_means_one_thing(error, category):
    assert type(translate(error)) is category
    assert answer_code(error) == type(error).__name__


@pytest.mark.parametrize(
    "error", [answer(code, status) for code, status, _ in ANSWERS] + [error for error, _ in FAILURES]
)
def test_nothing_that_the_store_said_is_told_on(error):
    """Case 96."""
    translated = translate(error)
    assert TOLD not in str(translated)
    assert translated.headers == {}
    if isinstance(translated, Unavailable):
        assert translated.retry_after_seconds >= 1


def test_clocks_that_differ_are_named_as_such():
    """Case 8."""
    assert "clocks" in str(translate(answer("RequestTimeTooSkewed", 403)))


def test_an_answer_without_anything_in_it_is_no_lost_file():
    assert type(translate(ClientError({}, "GetObject"))) is StorageMisconfigured
