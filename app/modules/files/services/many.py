"""One change of many files in one transaction and a few statements; each file has an outcome of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import Action, Result, record
from app.core.clock import utc_now
from app.core.exceptions import Forbidden, HoldfastError
from app.modules.auth.principal import Principal
from app.modules.files.batch_repository import BatchRepository
from app.modules.files.exceptions import FileNotFound
from app.modules.files.models import FileUpload
from app.modules.files.removal_repository import RemovalRepository
from app.modules.files.repository import FileRepository
from app.modules.files.services.records import MAY_NOT_CHANGE, ONLY_ITS_OWNER
from app.modules.files.services.transitions import Values, deletion, move, restoration
from app.modules.files.visibility import changeable_by, owned_by

# The file as it is now, where there still is one.
Outcome = FileUpload | HoldfastError | None


class Change(ABC):
    """A change, and who may make it; the journal has one entry of it for each file that it changes."""

    action: ClassVar[Action]
    refusal: ClassVar[str] = ONLY_ITS_OWNER

    def may(self, principal: Principal) -> ColumnElement[bool]:
        """The condition of a file that the caller may change so."""
        return owned_by(principal)

    async def run(self, session: AsyncSession, principal: Principal, file_ids: Sequence[UUID]) -> dict[UUID, Outcome]:
        """Change those of some files that the caller may change; the outcome of each."""
        files = await BatchRepository(session).locked(principal, file_ids, self.may(principal))
        others = [file_id for file_id in file_ids if file_id not in files]
        refused = await refusals(session, principal, others, action=self.action, detail=self.refusal)
        return {**refused, **await self._change(session, principal, files)}

    @abstractmethod
    async def _change(
        self, session: AsyncSession, principal: Principal, files: Mapping[UUID, FileUpload]
    ) -> dict[UUID, Outcome]:
        """The outcomes of files that the caller may change; they are locked."""


class RecordChange(Change):
    """A change of columns of the record."""

    details: ClassVar[Mapping[str, object]] = {}
    shows_file: ClassVar[bool] = True

    @abstractmethod
    def _values(self, file: FileUpload, now: datetime) -> Values:
        """What changes of one file."""

    async def _change(
        self, session: AsyncSession, principal: Principal, files: Mapping[UUID, FileUpload]
    ) -> dict[UUID, Outcome]:
        now, actor = utc_now(), principal.actor
        outcomes: dict[UUID, Outcome] = {}
        # One statement for all files that get the same values.
        alike: dict[tuple[tuple[str, object], ...], tuple[Values, list[FileUpload]]] = {}
        for file_id, file in files.items():
            outcomes[file_id] = file if self.shows_file else None
            try:
                values = self._values(file, now)
            except HoldfastError as error:
                outcomes[file_id] = error
                continue
            if values:
                alike.setdefault(tuple(values.items()), (values, []))[1].append(file)
                record(session, actor, self.action, file_id=file_id, owner_id=file.owner_id, details=self.details)
        for values, changed in alike.values():
            await BatchRepository(session).change(changed, values, now)
        return outcomes


class Delete(RecordChange):
    """Hides files."""

    action = Action.DELETE
    shows_file = False

    def _values(self, file: FileUpload, now: datetime) -> Values:
        return deletion(file, now)


class Restore(RecordChange):
    """Undoes a soft delete."""

    action = Action.RESTORE

    def _values(self, file: FileUpload, now: datetime) -> Values:
        return restoration(file, now)


class Move(RecordChange):
    """Puts files into a folder."""

    action = Action.UPDATE
    refusal = MAY_NOT_CHANGE
    details: ClassVar[Mapping[str, object]] = {"changed": ["folder"]}

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def may(self, principal: Principal) -> ColumnElement[bool]:
        """A writer by grant may, too."""
        return changeable_by(principal)

    def _values(self, file: FileUpload, now: datetime) -> Values:  # noqa: ARG002 -- it is the same at any time
        return move(file, self._folder)


class HardDelete(Change):
    """Removes files for good: from the registry at once, their bytes by the outbox."""

    action = Action.HARD_DELETE

    async def _change(
        self, session: AsyncSession, principal: Principal, files: Mapping[UUID, FileUpload]
    ) -> dict[UUID, Outcome]:
        if files:
            actor = principal.actor
            for file_id, file in files.items():
                record(session, actor, self.action, file_id=file_id, owner_id=file.owner_id)
            await RemovalRepository(session).give_up_all(*files)
            await FileRepository(session).delete(*files)
        return dict.fromkeys(files)


async def refusals(
    session: AsyncSession, principal: Principal, file_ids: Sequence[UUID], *, action: Action, detail: str
) -> dict[UUID, Outcome]:
    """What to tell a caller of files that it may not change: `detail` of those that it sees, and else no more.

    The journal tells the attempts on those that it sees.
    """
    if not file_ids:
        return {}
    owners, actor = await BatchRepository(session).owners_of_seen(principal, file_ids), principal.actor
    for file_id, owner_id in owners.items():
        record(session, actor, action, file_id=file_id, owner_id=owner_id, result=Result.DENIED)
    return {file_id: Forbidden(detail) if file_id in owners else FileNotFound() for file_id in file_ids}
