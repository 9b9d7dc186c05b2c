"""Changes of the record: names, folders, notes. Not one byte moves, and no key changes."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import flag_modified

from app.core.audit import Action, record
from app.core.exceptions import Forbidden
from app.modules.auth.principal import Principal, Scope
from app.modules.files.exceptions import FileNotAvailable
from app.modules.files.metadata import check_metadata, merged
from app.modules.files.models import FileUpload
from app.modules.files.names import clean_filename
from app.modules.files.repository import FileRepository
from app.modules.files.services.parts import ServiceParts
from app.modules.files.services.records import changeable, require_available, touch
from app.modules.files.visibility import is_owned_by

# As the API calls what the record calls otherwise.
NAMES = {"attributes": "metadata"}


class RecordChanges(TypedDict, total=False):
    """What is to be different about a record; what isn't in it stays.

    `metadata` is a JSON merge patch that passed `check_depth`; None empties it.
    """

    filename: str
    folder: str
    description: str | None
    is_public: bool
    expires_at: datetime | None
    metadata: dict[str, Any] | None
    owner_id: str


# What is the owner's alone, whoever else may write: who sees the file, how long there is one, whose it is.
OWNERS_ALONE = frozenset({"is_public", "expires_at", "owner_id"})


class EditService:
    """Changes records that the caller may change."""

    def __init__(self, parts: ServiceParts) -> None:
        self._parts = parts

    async def edit(
        self, principal: Principal, file_id: UUID, changes: RecordChanges, *, if_match: str | None = None
    ) -> FileUpload:
        """Change an available file's record; what is the same already doesn't count as a change.

        Raises:
            FileNotAvailable: its bytes are still being written, were refused, or it's deleted.
            PreconditionFailed: the record isn't the one of `if_match`.
            ExtensionNotAllowed, ContentTypeNotAllowed, ContentTypeMismatch: the new name says something else than
                the bytes.
            InvalidMetadata: what the patch leads to is too large or too deep.
            Forbidden: only admins give files away; only the owner says who sees a file and how long there is one;
                who may not read files publishes none.
            QuotaExceeded: there is no room for it at the new owner's.
        """
        if changes.get("is_public"):
            # Who publishes a file can read it without any credential.
            principal.require(Scope.READ)
        async with self._parts.attempt(principal, Action.UPDATE, file_id) as session:
            file = await changeable(FileRepository(session), principal, file_id, if_match)
            stored = require_available(file)
            if "filename" not in changes:
                await self._check_owner(session, principal, file, changes)
                return _changed(session, file, principal, changes)
        # The store may have to be asked about a new name: without a connection and without the lock.
        filename = clean_filename(changes["filename"])
        content_type = await self._parts.renaming.content_type_of(file, stored, filename)
        async with self._parts.attempt(principal, Action.UPDATE, file_id) as session:
            current = await changeable(FileRepository(session), principal, file_id, if_match)
            if require_available(current).id != stored.id:
                raise FileNotAvailable("The file got other bytes while its new name was looked at; try again.")
            await self._check_owner(session, principal, current, changes)
            return _changed(session, current, principal, changes, filename=filename, content_type=content_type)

    async def _check_owner(
        self, session: AsyncSession, principal: Principal, file: FileUpload, changes: RecordChanges
    ) -> None:
        """Whether a file may become its new owner's, if it gets one: with its bytes, and those still on their way."""
        owner = changes.get("owner_id", file.owner_id)
        if owner == file.owner_id:
            return
        if not principal.is_admin:
            raise Forbidden("Only callers with the scope files:admin may give another owner_id.")
        held_bytes = await FileRepository(session).held_bytes(file.id)
        await self._parts.quotas.admit(session, owner, size_bytes=(file.file_size or 0) + held_bytes, files=1)


def _changed(
    session: AsyncSession, file: FileUpload, principal: Principal, changes: RecordChanges, **judged: str
) -> FileUpload:
    owner_id = file.owner_id
    columns: dict[str, Any] = {name: value for name, value in changes.items() if name != "metadata"} | judged
    if "metadata" in changes:
        patch = changes["metadata"]
        columns["attributes"] = {} if patch is None else check_metadata(merged(file.attributes, patch))
    different = {name: value for name, value in columns.items() if not _is_same(getattr(file, name), value)}
    refused = sorted(OWNERS_ALONE & different.keys())
    if refused and not is_owned_by(principal, file):
        raise Forbidden(f"Only the file's owner may change {', '.join(refused)}.")
    for name, value in different.items():
        # First, since SQLAlchemy takes 1 for True and would leave the column out.
        flag_modified(file, name)
        setattr(file, name, value)
    if different:
        touch(file)
        details: dict[str, Any] = {"changed": sorted(NAMES.get(name, name) for name in different)}
        if "owner_id" in different:
            details["new_owner_id"] = file.owner_id
        record(session, principal.actor, Action.UPDATE, file_id=file.id, owner_id=owner_id, details=details)
    return file


def _is_same(one: object, other: object) -> bool:
    """Whether nothing changes; to JSON, unlike Python, `1` and `true` are two things."""
    if isinstance(one, dict) and isinstance(other, dict):
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    return one == other
