"""Copies of many files: which of them can be copied is looked up for all at once, then each is copied by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from app.core.audit import Action
from app.core.database import Database
from app.core.exceptions import HoldfastError
from app.core.presence import Checkpoint
from app.modules.auth.principal import Principal
from app.modules.files.batch_repository import BatchRepository
from app.modules.files.models import FileUpload
from app.modules.files.services.lifecycle import NOT_YOURS_TO_COPY, CopyChanges, LifecycleService
from app.modules.files.services.many import Outcome, refusals
from app.modules.files.services.transitions import copyable

log = structlog.get_logger()
AT_ONCE = 8


@dataclass(frozen=True)
class CopyWish:
    """How files are to be copied.

    Args:
        folder: where the copies go to; None puts each beside its source.
        idempotency_key: copies that were made with it are not made again.
    """

    folder: str | None
    idempotency_key: str | None


class CopyingService:
    """Copies many files, a few at a time."""

    def __init__(self, database: Database, lifecycle: LifecycleService) -> None:
        self._database = database
        self._lifecycle = lifecycle

    async def run(
        self, principal: Principal, wish: CopyWish, file_ids: Sequence[UUID], checkpoint: Checkpoint
    ) -> dict[UUID, Outcome]:
        """The copy of each file, or what was wrong with it.

        When `checkpoint` raises, no other copy is begun, and those that were begun are finished.
        """
        outcomes = await self._refused(principal, wish, file_ids)
        waiting = iter([file_id for file_id in file_ids if file_id not in outcomes])

        async def work() -> None:
            for file_id in waiting:
                await checkpoint()
                outcomes[file_id] = await self._copy(principal, wish, file_id)

        ended = await asyncio.gather(*(work() for _ in range(AT_ONCE)), return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error
        return outcomes

    async def _refused(self, principal: Principal, wish: CopyWish, file_ids: Sequence[UUID]) -> dict[UUID, Outcome]:
        """What is wrong with those files that can't be copied; nothing with one whose copy may be there already."""
        async with self._database.transaction() as session:
            known = await self._known(BatchRepository(session), principal, wish, file_ids)
            sources = await BatchRepository(session).entrusted(principal, file_ids)
            foreign = [file_id for file_id in file_ids if file_id not in sources and file_id not in known]
            outcomes = await refusals(session, principal, foreign, action=Action.COPY, detail=NOT_YOURS_TO_COPY)
        for file_id in sources.keys() - known:
            try:
                copyable(sources[file_id])
            except HoldfastError as error:
                outcomes[file_id] = error
        return outcomes

    async def _known(
        self, repository: BatchRepository, principal: Principal, wish: CopyWish, file_ids: Sequence[UUID]
    ) -> set[UUID]:
        """The sources of copies that were begun with the same key: whatever became of the sources since."""
        if wish.idempotency_key is None or principal.subject is None:
            return set()
        routes = {_route(file_id): file_id for file_id in file_ids}
        known = await repository.known_routes(principal.subject, wish.idempotency_key, list(routes))
        return {routes[route] for route in known}

    async def _copy(self, principal: Principal, wish: CopyWish, file_id: UUID) -> FileUpload | HoldfastError:
        try:
            return await self._lifecycle.copy(
                principal,
                file_id,
                CopyChanges(folder=wish.folder),
                idempotency_key=wish.idempotency_key,
                route=_route(file_id),
            )
        except HoldfastError as error:
            return error
        except Exception as error:
            log.exception("batch_item_failed", file_id=str(file_id), exc_info=error)
            return HoldfastError()


def _route(file_id: UUID) -> str:
    """A route for each source: one key of the caller's stands for many copies."""
    return f"batch-copy:{file_id}"
