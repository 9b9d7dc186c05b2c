"""Reading the store's answers as if they could have been cut anywhere: boto3 takes a broken head for a short one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.s3.errors import StorageUnavailable


def told(answer: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 -- any field of any answer
    """What every whole answer holds. One that broke off within its head arrives as a success that says nothing.

    Raises:
        StorageUnavailable: it isn't there.
    """
    try:
        return answer[name]
    except KeyError as error:
        raise StorageUnavailable from error


def etag_of(answer: Mapping[str, Any]) -> str:
    """The ETag, if all of it arrived: one with a quote only in front was cut off."""
    etag: str = told(answer, "ETag")
    if etag.startswith('"') and not etag[1:].endswith('"'):
        raise StorageUnavailable
    return etag
