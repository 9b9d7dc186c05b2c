"""Requests that create may be sent again with the same key: the second one gets what the first one made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from app.core.database import Database
from app.modules.auth.principal import Principal
from app.modules.files.exceptions import FileNotFound, IdempotencyInProgress, IdempotencyKeyReused
from app.modules.files.idempotency_key_repository import IdempotencyKeyRepository, KeyClaim
from app.modules.files.models import FileUpload, IdempotencyKey
from app.modules.files.repository import FileRepository


def fingerprint(request: Mapping[str, Any]) -> str:
    """What two requests must have in common to be the same; any JSON values, times and ids as text."""
    return hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()


class IdempotencyService:
    """Looks up what a key stands for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def earlier(self, claim: KeyClaim | None) -> IdempotencyKey | None:
        """The request that had this key and succeeded; None where there was none.

        Raises:
            IdempotencyInProgress: it still runs.
        """
        if claim is None:
            return None
        async with self._database.transaction() as session:
            found = await IdempotencyKeyRepository(session).find(claim)
        if found is not None and found.status_code is None:
            raise IdempotencyInProgress(retry_after_seconds=2)
        return found

    async def replay(self, principal: Principal, earlier: IdempotencyKey, request_fingerprint: str) -> FileUpload:
        """The file that the first request made, as it is now.

        Raises:
            IdempotencyKeyReused: this is another request.
            FileNotFound: the file was removed since, or has another owner.
        """
        if earlier.fingerprint != request_fingerprint:
            raise IdempotencyKeyReused
        async with self._database.transaction() as session:
            file = await FileRepository(session).owned(principal, earlier.file_id)
        if file is None:
            raise FileNotFound("The file that this request made was removed since.")
        return file
