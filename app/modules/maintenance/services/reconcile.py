"""Reconcile: compares the bucket with the ledger, both ways; first it counts, then it repairs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import structlog

from app.config import MaintenanceSettings
from app.core.clock import utc_now
from app.core.exceptions import HoldfastError
from app.core.s3.listing import Position
from app.core.tasks import task_group
from app.modules.maintenance.reports import Gravity, Tally
from app.modules.maintenance.services.comparison import Difference, Kind, Rules
from app.modules.maintenance.services.repair import Repair
from app.modules.maintenance.services.survey import Found, Survey

log = structlog.get_logger()
AT_ONCE = 8
MAX_STRANGE = 1000
MAX_STRANGE_PERCENT = 5
# One object can't be a wrong bucket, however small ours is.
ALWAYS_FEW = 1
UNCLEAR = "unclear"
KINDS = {
    Kind.UNKNOWN: Gravity.WRONG,
    Kind.LEFTOVER: Gravity.WRONG,
    Kind.UPLOAD: Gravity.WRONG,
    Kind.MISSING: Gravity.DAMAGE,
    Kind.CHANGED: Gravity.DAMAGE,
    Kind.FOUND: Gravity.WRONG,
    Kind.GONE: Gravity.ROUTINE,
    UNCLEAR: Gravity.WRONG,
}
SaveCursor = Callable[[dict[str, Any]], Awaitable[None]]


class Stage(StrEnum):
    """What is being done."""

    COUNT_OBJECTS = "count objects"
    COUNT_UPLOADS = "count uploads"
    REPAIR_OBJECTS = "repair objects"
    REPAIR_UPLOADS = "repair uploads"


STAGES = tuple(Stage)
REPAIRING = frozenset({Stage.REPAIR_OBJECTS, Stage.REPAIR_UPLOADS})


@dataclass(frozen=True)
class Consent:
    """What the operator allows beyond the limits."""

    they_are_ours: bool = False
    they_are_lost: bool = False


class StoppedOnPurpose(Exception):
    """So much is strange that bucket, prefix or registry are more likely wrong than what they hold."""


class ReconcileJob:
    """One process at a time; after a break it goes on with the page where it was.

    Nothing is changed before everything was counted: a wrong bucket must not be emptied, nor all files of a
    registry be rejected because of it.
    """

    name = "reconcile"
    kinds = KINDS

    def __init__(self, survey: Survey, repair: Repair, prefix: str, settings: MaintenanceSettings) -> None:
        self._survey = survey
        self._repair = repair
        self._prefix = prefix
        self._settings = settings

    async def run(
        self,
        tally: Tally,
        *,
        dry_run: bool,
        consent: Consent,
        cursor: dict[str, Any] | None = None,
        save: SaveCursor | None = None,
    ) -> None:
        """All stages, from the cursor on; `save` gets the next one after every page.

        Raises:
            StoppedOnPurpose: nothing (more) was changed.
        """
        cursor = cursor or {"stage": Stage.COUNT_OBJECTS, "key": "", "within": ""}
        begin = Stage(cursor["stage"])
        after = Position(cursor["key"], cursor["within"])
        rules = Rules(
            prefix=self._prefix,
            now=utc_now(),
            grace=timedelta(seconds=self._settings.reconcile_grace_seconds),
            quarantine=timedelta(days=self._settings.quarantine_days),
        )
        for stage in STAGES[STAGES.index(begin) :]:
            if stage in REPAIRING:
                _check_share(tally, consent)
                if dry_run or not any(tally.found.values()):
                    return
            async for found in self._pages(stage, after, rules):
                if stage in REPAIRING:
                    await self._put_right(found.differences, rules, tally)
                else:
                    _look(found, tally)
                    await self._count(found.differences, tally)
                    _check_number(tally, consent)
                if save is not None and found.following is not None:
                    position = {"key": found.following.key, "within": found.following.within}
                    await save({"stage": stage, **position, "tally": tally.as_dict()})
            after = Position()
        unclear = tally.found.get(UNCLEAR, 0)
        tally.settle()
        tally.found[UNCLEAR] = unclear

    def _pages(self, stage: Stage, after: Position, rules: Rules) -> AsyncIterator[Found]:
        if stage in {Stage.COUNT_OBJECTS, Stage.REPAIR_OBJECTS}:
            return self._survey.objects(after, rules)
        return self._survey.uploads(after, rules)

    async def _count(self, differences: list[Difference], tally: Tally) -> None:
        async def look(difference: Difference) -> None:
            try:
                if await self._repair.is_real(difference):
                    tally.find(difference.kind, difference.key)
            except HoldfastError as error:
                log.warning("difference_unclear", code=type(error).code)
                tally.find(UNCLEAR, difference.key)

        await _a_few_at_once([look(difference) for difference in differences])

    async def _put_right(self, differences: list[Difference], rules: Rules, tally: Tally) -> None:
        async def put_right(difference: Difference) -> None:
            try:
                if await self._repair.repair(difference, rules):
                    tally.do(difference.kind)
            except HoldfastError as error:
                tally.leave(difference.kind)
                log.warning("repair_postponed", code=type(error).code)

        # What came since the count was not part of what was weighed: the next run sees it.
        left = {kind: tally.found.get(kind, 0) - tally.done.get(kind, 0) for kind in Kind}
        chosen: list[Difference] = []
        for difference in differences:
            left[difference.kind] -= 1
            if left[difference.kind] >= 0:
                chosen.append(difference)
        await _a_few_at_once([put_right(difference) for difference in chosen])


async def _a_few_at_once(works: list[Awaitable[None]]) -> None:
    window = asyncio.Semaphore(AT_ONCE)

    async def one(work: Awaitable[None]) -> None:
        async with window:
            await work

    async with task_group() as group:
        for work in works:
            group.create_task(one(work))


def _look(found: Found, tally: Tally) -> None:
    for what, count in (("objects", found.objects), ("rows", found.rows), ("unfinished uploads", found.uploads)):
        if count:
            tally.look(what, count)
    if found.unspeakable:
        tally.find(UNCLEAR, count=found.unspeakable)


def _check_number(tally: Tally, consent: Consent) -> None:
    for kinds, consented, flag in _limits(consent):
        if not consented and sum(tally.found.get(kind, 0) for kind in kinds) > MAX_STRANGE:
            raise StoppedOnPurpose(_reason(f"More than {MAX_STRANGE:,} {' and '.join(kinds)}", flag))


def _check_share(tally: Tally, consent: Consent) -> None:
    whole = {Kind.UNKNOWN: tally.looked_at.get("objects", 0), Kind.MISSING: tally.looked_at.get("rows", 0)}
    for kinds, consented, flag in _limits(consent):
        strange, total = tally.found.get(kinds[0], 0), whole[kinds[0]]
        if not consented and strange > ALWAYS_FEW and strange * 100 > total * MAX_STRANGE_PERCENT:
            raise StoppedOnPurpose(
                _reason(f"{strange:,} {kinds[0]} are more than {MAX_STRANGE_PERCENT} % of {total:,}", flag)
            )


def _limits(consent: Consent) -> tuple[tuple[tuple[Kind, ...], bool, str], ...]:
    return (
        ((Kind.UNKNOWN, Kind.UPLOAD), consent.they_are_ours, "--they-are-ours"),
        ((Kind.MISSING,), consent.they_are_lost, "--they-are-lost"),
    )


def _reason(what: str, flag: str) -> str:
    return f"{what}: nothing was changed, as bucket, prefix or registry may be wrong. If they are right, say {flag}."
