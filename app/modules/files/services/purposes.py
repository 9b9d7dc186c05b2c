"""What bytes are written for: a new file, one that waits for them, or one whose own bytes they replace."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit import Action, Actor, Result, record
from app.core.clock import new_id, utc_now
from app.modules.auth.principal import Principal
from app.modules.files.models import FileUpload, StoredObject
from app.modules.files.removal_repository import RemovalRepository
from app.modules.files.repository import FileRepository
from app.modules.files.services.drafts import FileDraft, make_available, new_file
from app.modules.files.services.records import changeable
from app.modules.quotas.admission import Quotas


class Purpose(ABC):
    """Which file bytes are for, what it becomes when they are written, and what the journal says then.

    Args:
        file_id: the file's, also while it isn't registered yet.
        actor: who has them written.
        action: what that is called.
        details: for the journal, known beforehand.
    """

    is_new_file: ClassVar[bool] = False
    # Nothing has come to its end by one failure.
    is_retried: ClassVar[bool] = False

    def __init__(self, file_id: UUID, actor: Actor, action: Action, **details: Any) -> None:  # noqa: ANN401 -- any JSON
        self.file_id = file_id
        self._actor = actor
        self._action = action
        self._details = details

    async def enter(self, session: AsyncSession, draft: FileDraft, stored: StoredObject, quotas: Quotas) -> None:  # noqa: ARG002 -- a new file needs them
        """Register the reserved object, and the file if it's new, before the first byte is written.

        Raises:
            QuotaExceeded: there is no room for `stored.held_bytes`.
        """
        FileRepository(session).add_object(stored)

    def record_done(self, session: AsyncSession, owner_id: str, size_bytes: int) -> None:
        """Write down that the bytes are the file's."""
        details = {**self._details, "size_bytes": size_bytes}
        record(session, self._actor, self._action, file_id=self.file_id, owner_id=owner_id, details=details)

    def record_undone(self, session: AsyncSession, owner_id: str, code: str) -> None:
        """Write down that nothing came of it, and why."""
        if self.is_retried:
            return
        record(
            session,
            self._actor,
            self._action,
            file_id=self.file_id,
            owner_id=owner_id,
            result=Result.REJECTED,
            details={**self._details, "code": code},
        )

    @abstractmethod
    async def flip(
        self, session: AsyncSession, draft: FileDraft, object_id: UUID, size_bytes: int
    ) -> FileUpload | None:
        """Make the verified object the file's, whose row is locked; None when there is no such file any more.

        Raises:
            HoldfastError: the file is not in a state to get it; nothing may be changed then.
        """


class PendingFile(Purpose):
    """A file that was registered before its bytes came; whatever else was written for it is given up."""

    is_retried = True

    async def flip(
        self, session: AsyncSession, draft: FileDraft, object_id: UUID, size_bytes: int
    ) -> FileUpload | None:
        """Make it available, unless it is so already or has gone."""
        file = await FileRepository(session).pending(self.file_id)
        if file is None:
            return None
        draft.apply_to(file)
        make_available(file, object_id, size_bytes)
        if not self.is_new_file:
            await RemovalRepository(session).give_up_all(file.id, but=object_id)
        return file


class NewFile(PendingFile):
    """A file that doesn't exist yet, and never will if its bytes don't arrive."""

    is_new_file = True
    is_retried = False

    def __init__(self, actor: Actor, action: Action, **details: Any) -> None:  # noqa: ANN401 -- any JSON
        super().__init__(new_id(), actor, action, **details)

    async def enter(self, session: AsyncSession, draft: FileDraft, stored: StoredObject, quotas: Quotas) -> None:
        """Register both."""
        file = new_file(draft, utc_now(), self.file_id)
        file.current_object_id = stored.id
        stored.held_for, stored.held_files = draft.owner_id, 1
        await FileRepository(session).add(file, stored, quotas)


class Replacement(Purpose):
    """A file that has bytes, and keeps them until the new ones are verified.

    Args:
        file_id: the file's.
        principal: who replaces them, and must still be allowed to when they come to the flip.
        accept: looks at the file as it is, before the first byte is written and at the flip; gives the
            new bytes' media type, or raises where the file may not get them any more.
    """

    def __init__(self, file_id: UUID, principal: Principal, accept: Callable[[FileUpload], str]) -> None:
        super().__init__(file_id, principal.actor, Action.REPLACE)
        self._principal = principal
        self._accept = accept

    async def enter(self, session: AsyncSession, draft: FileDraft, stored: StoredObject, quotas: Quotas) -> None:  # noqa: ARG002 -- it may be somebody else's by now
        """Register the object under the file's lock: whoever deletes the file from now on ends the write.

        Until the flip the old bytes count as well as the new ones.
        """
        repository = FileRepository(session)
        file = await changeable(repository, self._principal, self.file_id)
        self._accept(file)
        await quotas.admit(session, file.owner_id, size_bytes=stored.held_bytes, files=0)
        stored.held_for = file.owner_id
        repository.add_object(stored)

    async def flip(
        self,
        session: AsyncSession,
        draft: FileDraft,  # noqa: ARG002 -- the record may have changed since it was drafted
        object_id: UUID,
        size_bytes: int,
    ) -> FileUpload | None:
        """Give up the object that was the file's until now. Others that are still being written may follow."""
        file = await changeable(FileRepository(session), self._principal, self.file_id)
        file.content_type = self._accept(file)
        previous = file.current_object_id
        make_available(file, object_id, size_bytes)
        if previous is not None:
            await RemovalRepository(session).give_up(previous)
        return file
