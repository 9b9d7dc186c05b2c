"""One operation on many files, each on its own: what is wrong with one says nothing of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import structlog

from app.core.database import Database
from app.core.exceptions import HoldfastError
from app.core.presence import Checkpoint
from app.modules.auth.principal import Principal, Scope
from app.modules.files.services.chunks import chunks
from app.modules.files.services.copying import CopyingService, CopyWish
from app.modules.files.services.many import Change, Delete, HardDelete, Move, Outcome, Restore

log = structlog.get_logger()
COPY_WEIGHT = 10


class BatchOperation(StrEnum):
    """What can be done to many."""

    DELETE = "delete"
    HARD_DELETE = "hard_delete"
    RESTORE = "restore"
    MOVE = "move"
    COPY = "copy"


@dataclass(frozen=True)
class Batch:
    """An operation and the files it's for.

    Args:
        operation: which.
        file_ids: each once.
        folder: where a move goes to.
        new_folder: where copies go to; by default each beside its source.
        idempotency_key: copies that were made with it are not made again.
    """

    operation: BatchOperation
    file_ids: Sequence[UUID]
    folder: str = ""
    new_folder: str | None = None
    idempotency_key: str | None = None

    @property
    def weight(self) -> int:
        """How many ids it counts as: the store works for each copy, and for nothing else."""
        return len(self.file_ids) * (COPY_WEIGHT if self.operation is BatchOperation.COPY else 1)


class BatchService:
    """Runs batches: copies one by one, all else many files a transaction."""

    def __init__(self, database: Database, copying: CopyingService) -> None:
        self._database = database
        self._copying = copying

    async def run(self, principal: Principal, batch: Batch, checkpoint: Checkpoint) -> list[tuple[UUID, Outcome]]:
        """One outcome a file, in the order given; a failure is one of its own file only.

        Args:
            principal: who calls.
            batch: what is wanted.
            checkpoint: asked before each transaction and each copy. What it raises ends the batch there; what was
                done until then stays done.
        """
        principal.require(Scope.WRITE)
        if batch.operation is BatchOperation.COPY:
            principal.require(Scope.READ)
        outcomes: dict[UUID, Outcome] = {}
        try:
            for file_ids in chunks(batch.file_ids):
                await checkpoint()
                if batch.operation is BatchOperation.COPY:
                    wish = CopyWish(batch.new_folder, batch.idempotency_key)
                    outcomes |= await self._copying.run(principal, wish, file_ids, checkpoint)
                else:
                    await self._change(principal, _change_of(batch), file_ids, outcomes)
        except HoldfastError as error:
            # The registry is away: those that are left would wait for it one after the other.
            for file_id in batch.file_ids:
                outcomes.setdefault(file_id, error)
        return [(file_id, outcomes[file_id]) for file_id in batch.file_ids]

    async def _change(
        self, principal: Principal, change: Change, file_ids: Sequence[UUID], outcomes: dict[UUID, Outcome]
    ) -> None:
        """Change some files in one transaction; where that fails, in two of a half each, down to the one at fault."""
        try:
            async with self._database.transaction() as session:
                changed = await change.run(session, principal, file_ids)
        except HoldfastError:
            raise
        except Exception as error:
            if len(file_ids) == 1:
                log.exception("batch_item_failed", file_id=str(file_ids[0]), exc_info=error)
                outcomes[file_ids[0]] = HoldfastError()
                return
            middle = len(file_ids) // 2
            await self._change(principal, change, file_ids[:middle], outcomes)
            await self._change(principal, change, file_ids[middle:], outcomes)
        else:
            outcomes |= changed


def _change_of(batch: Batch) -> Change:
    match batch.operation:
        case BatchOperation.DELETE:
            return Delete()
        case BatchOperation.HARD_DELETE:
            return HardDelete()
        case BatchOperation.RESTORE:
            return Restore()
        case _:
            return Move(batch.folder)
