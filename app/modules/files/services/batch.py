"""One operation on many files, each on its own: what is wrong with one says nothing of the others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import structlog

from app.core.exceptions import HoldfastError
from app.core.tasks import task_group
from app.modules.auth.principal import Principal, Scope
from app.modules.files.models import FileUpload
from app.modules.files.services.editing import EditService
from app.modules.files.services.lifecycle import CopyChanges, LifecycleService

log = structlog.get_logger()
AT_ONCE = 8


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


# The file as it is now, where there still is one.
Outcome = FileUpload | HoldfastError | None


class BatchService:
    """Runs batches, a few files at a time."""

    def __init__(self, lifecycle: LifecycleService, editing: EditService) -> None:
        self._lifecycle = lifecycle
        self._editing = editing

    async def run(self, principal: Principal, batch: Batch) -> list[tuple[UUID, Outcome]]:
        """One outcome a file, in the order given; a failure is one of its own file only."""
        principal.require(Scope.WRITE)
        if batch.operation is BatchOperation.COPY:
            principal.require(Scope.READ)
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(file_id: UUID) -> tuple[UUID, Outcome]:
            async with slots:
                return file_id, await self._outcome(principal, batch, file_id)

        async with task_group() as group:
            running = [group.create_task(one(file_id)) for file_id in batch.file_ids]
        return [task.result() for task in running]

    async def _outcome(self, principal: Principal, batch: Batch, file_id: UUID) -> Outcome:
        try:
            return await self._do(principal, batch, file_id)
        except HoldfastError as error:
            return error
        except Exception as error:
            log.exception("batch_item_failed", file_id=str(file_id), exc_info=error)
            return HoldfastError()

    async def _do(self, principal: Principal, batch: Batch, file_id: UUID) -> FileUpload | None:
        match batch.operation:
            case BatchOperation.DELETE:
                await self._lifecycle.delete(principal, file_id, if_match=None)
                return None
            case BatchOperation.HARD_DELETE:
                await self._lifecycle.hard_delete(principal, file_id, if_match=None)
                return None
            case BatchOperation.RESTORE:
                return await self._lifecycle.restore(principal, file_id, if_match=None)
            case BatchOperation.MOVE:
                return await self._editing.edit(principal, file_id, {"folder": batch.folder})
            case BatchOperation.COPY:
                return await self._lifecycle.copy(
                    principal,
                    file_id,
                    CopyChanges(folder=batch.new_folder),
                    idempotency_key=batch.idempotency_key,
                    # A route for each source: one key of the caller's stands for many copies.
                    route=f"batch-copy:{file_id}",
                )
