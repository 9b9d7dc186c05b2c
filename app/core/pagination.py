"""Keyset cursors: opaque, versioned, bound by an HMAC to the query that they continue; links to next pages."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import func, select
from starlette.requests import Request

from app.core.exceptions import Invalid
from app.core.signing_secret import SigningSecret

VERSION = 2
MAC_BYTES = 16
SortKey = datetime | UUID | str | int | None

# For the transaction of a page: a plan for "somebody" and "some limit", which PostgreSQL may keep for a prepared
# statement, fits no page; and where it guesses that many rows must be looked at, it would rather read the table.
PLAN_FOR_PAGES = select(
    func.set_config("plan_cache_mode", "force_custom_plan", True),  # noqa: FBT003 -- for this transaction only
    func.set_config("enable_seqscan", "off", True),  # noqa: FBT003 -- as above
)

# Whatever JSON has no type for travels as a string behind a letter, and so does a string.
_FROM_TEXT: Mapping[str, Callable[[str], SortKey]] = {"s": str, "t": datetime.fromisoformat, "u": UUID}


class InvalidCursor(Invalid):
    """Not a cursor of ours, or one of another query."""

    title = "Invalid cursor"
    code = "invalid_cursor"
    detail = "The cursor belongs to another query or is damaged; begin again without it."


class CursorSigner:
    """Makes and checks cursors.

    Args:
        secret: shared by all workers, since any of them may be asked for the next page.
    """

    def __init__(self, secret: SigningSecret) -> None:
        self._secret = secret

    async def ready(self) -> None:
        """Load the secret, before anything is encoded or decoded.

        Raises:
            DatabaseUnavailable: it is in the registry, which can't be asked.
        """
        await self._secret.load()

    def _mac(self, payload: bytes, query: Mapping[str, Any]) -> bytes:
        bound = payload + b"\0" + json.dumps(query, sort_keys=True, default=str).encode()
        return hmac.digest(self._secret.key_for("cursor"), bound, "sha256")[:MAC_BYTES]

    def encode(self, position: Sequence[SortKey], query: Mapping[str, Any]) -> str:
        """The cursor of the page that follows `position`, the sort keys of the last item, in `query`."""
        keys = [VERSION, *map(_written, position)]
        payload = json.dumps(keys, separators=(",", ":"), ensure_ascii=False).encode()
        return base64.urlsafe_b64encode(self._mac(payload, query) + payload).rstrip(b"=").decode()

    def decode(self, cursor: str, query: Mapping[str, Any]) -> tuple[SortKey, ...]:
        """The position that a cursor of this very query names, its keys of the types that were encoded.

        Raises:
            InvalidCursor: it was made for another query, or by nobody.
        """
        try:
            raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        except ValueError as error:
            raise InvalidCursor from error
        mac, payload = raw[:MAC_BYTES], raw[MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(payload, query)):
            raise InvalidCursor
        version, *keys = json.loads(payload)
        if version != VERSION:
            raise InvalidCursor
        return tuple(map(_read, keys))


def link_to_next(request: Request, next_cursor: str | None) -> dict[str, str]:
    """The `Link` header (RFC 8288) of a page that another one follows: the same query with its cursor."""
    if next_cursor is None:
        return {}
    following = urlencode({**request.query_params, "cursor": next_cursor})
    return {"Link": f'<{request.url.path}?{following}>; rel="next"'}


def _written(key: SortKey) -> str | int | None:
    match key:
        case datetime():
            return "t" + key.isoformat()
        case UUID():
            return "u" + key.hex
        case str():
            return "s" + key
        case _:
            return key


def _read(key: str | int | None) -> SortKey:
    return _FROM_TEXT[key[0]](key[1:]) if isinstance(key, str) else key
