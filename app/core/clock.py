"""The time, and ids that sort by it."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import uuid_utils.compat


def utc_now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """A UUIDv7: neighbours in time are neighbours in the index."""
    return uuid_utils.compat.uuid7()
