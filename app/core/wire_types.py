"""Values as the OpenAPI document writes them, and no other spelling: pydantic alone would take many more."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    model_validator,
)

from app.core.clock import utc_now

RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


# Of members that a request may have beyond those that are known; each is named in the answer.
SPARE_MEMBERS = 16
# 16 KiB of metadata hold fewer.
MAX_METADATA_MEMBERS = 4096


class RequestModel(BaseModel):
    """What every body, form and query is declared as: no member that isn't known, and no thousands of them.

    pydantic makes an error of each unknown member, and checks the size of a dictionary only when it has gone
    through all of it.
    """

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _few_members(cls, value: Any) -> Any:  # noqa: ANN401 -- any JSON value
        most = len(cls.model_fields) + SPARE_MEMBERS
        if isinstance(value, dict) and len(value) > most:
            raise ValueError(f"has {len(value)} members; it takes {len(cls.model_fields)}")
        return value


def at_most(most: int) -> tuple[Any, ...]:
    """Bound the members of a dictionary, before any of them is looked at; to be unpacked into `Annotated`."""

    def require(value: object) -> object:
        if isinstance(value, dict) and len(value) > most:
            raise ValueError(f"must have at most {most} members")
        return value

    return Field(max_length=most), BeforeValidator(require)


def _require_rfc3339(value: object) -> object:
    """Return `value`. A bare number would be taken for seconds since 1970, or for milliseconds if it's large."""
    if isinstance(value, str) and not RFC3339.fullmatch(value):
        raise ValueError("must be a time as RFC 3339 writes it, such as 2026-11-20T10:30:00Z")
    if not isinstance(value, str | datetime):
        raise ValueError("must be text: a time as RFC 3339 writes it, such as 2026-11-20T10:30:00Z")  # noqa: TRY004 -- pydantic reports this one
    return value


def _in_utc(moment: datetime) -> datetime:
    """One moment, one spelling: cursors are bound to it, and PostgreSQL counts in UTC."""
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("must lie between the years 1 and 9999 in UTC") from error


def _require_future(moment: datetime) -> datetime:
    if moment <= utc_now():
        raise ValueError("must lie in the future")
    return moment


def _require_number(value: object) -> object:
    """Return `value`. JSON knows numbers; `"5"` and `true` are none."""
    if isinstance(value, str | bool):
        raise ValueError("must be a number")  # noqa: TRY004 -- as above
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_require_rfc3339), AfterValidator(_in_utc)]
FutureMoment = Annotated[Moment, AfterValidator(_require_future)]
# In JSON bodies only: whatever stands in a query or a form is text.
JsonBool = StrictBool
# Behind the bounds of an integer, or they would be missing in the document.
JSON_NUMBER = BeforeValidator(_require_number)

Metadata = Annotated[dict[str, Any], *at_most(MAX_METADATA_MEMBERS)]
