"""Conditions that must hold when many come at once: most stores keep them in turn, some only in turn."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from secrets import token_bytes
from typing import Any

from app.core.capabilities.sandbox import RACERS, Sandbox

PUT_ROUNDS = 8
COMPLETE_ROUNDS = 4
COMPLETE_RACERS = 8
RACE_BODY_BYTES = 16_384
GATE_TIMEOUT_SECONDS = 2.0
LOST_RACE = frozenset({409, 412})


class HeldBody:
    """A body whose second half is sent once all racers are as far: all are under way before any can end."""

    def __init__(self, content: bytes, gate: threading.Barrier) -> None:
        middle = len(content) // 2
        self._length = len(content)
        self._halves = [content[:middle], content[middle:]]
        self._gate = gate

    def __len__(self) -> int:
        return self._length

    def read(self, _size: int = -1) -> bytes:
        """The next half."""
        if len(self._halves) == 1:
            _meet(self._gate)
        return self._halves.pop(0) if self._halves else b""


def _meet(gate: threading.Barrier) -> None:
    try:
        gate.wait(GATE_TIMEOUT_SECONDS)
    except threading.BrokenBarrierError:
        return  # A store that takes fewer at once lets them race in smaller groups.


def conditional_put(sandbox: Sandbox) -> bool:
    """`If-None-Match: *` on a presigned PUT: one winner, however many come at once, and nobody may leave it out."""
    key = sandbox.fresh_key()
    url, headers = sandbox.presigned("put_object", Key=key, IfNoneMatch="*", **sandbox.write_options)
    without = {name: value for name, value in headers.items() if name != "if-none-match"}
    in_turn = [sandbox.send("PUT", url, token_bytes(64), each) for each in (without, headers, headers)]
    if not (in_turn[0].is_refused and in_turn[1].is_taken and in_turn[2].is_refused):
        return False
    with ThreadPoolExecutor(RACERS) as pool:
        return all(_has_one_winner(sandbox, pool) for _ in range(PUT_ROUNDS))


def _has_one_winner(sandbox: Sandbox, pool: ThreadPoolExecutor) -> bool:
    key = sandbox.fresh_key()
    gate = threading.Barrier(RACERS)
    bodies = [token_bytes(RACE_BODY_BYTES) for _ in range(RACERS)]
    statuses = list(pool.map(lambda body: sandbox.put(key, HeldBody(body, gate), IfNoneMatch="*").status, bodies))
    winners = [body for body, status in zip(bodies, statuses, strict=True) if status not in LOST_RACE]
    return len(winners) == 1 and sandbox.read(key) == winners[0]


def conditional_complete(sandbox: Sandbox) -> bool:
    """`If-None-Match: *` when a multipart upload is completed: one winner, however many come at once."""
    complete = sandbox.client.complete_multipart_upload

    def is_lost(upload: dict[str, Any]) -> bool:
        return sandbox.is_refused(complete, IfNoneMatch="*", **upload)

    key = sandbox.fresh_key()
    in_turn = [is_lost(sandbox.one_part_upload(key, token_bytes(64))) for _ in range(2)]
    if in_turn != [False, True]:
        return False
    with ThreadPoolExecutor(COMPLETE_RACERS) as pool:
        for _ in range(COMPLETE_ROUNDS):
            key = sandbox.fresh_key()
            contents = [token_bytes(64) for _ in range(COMPLETE_RACERS)]
            uploads = list(pool.map(sandbox.one_part_upload, [key] * COMPLETE_RACERS, contents))
            winners = [one for one, lost in zip(contents, pool.map(is_lost, uploads), strict=True) if not lost]
            if len(winners) != 1 or sandbox.read(key) != winners[0]:
                return False
    return True
