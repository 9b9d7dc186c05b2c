"""Requests' bodies, with the patience of a server that others are waiting for too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Sized
from typing import TypeVar

from starlette.requests import Request

from app.core.exceptions import TooSlow

GRACE_SECONDS = 20.0
T = TypeVar("T")


class Pace:
    """How slow a client may be. Only the time spent waiting for it counts: a slow store is not its fault.

    Args:
        idle_timeout_seconds: so long nothing may come.
        min_bytes_per_second: the average, after a grace of 20 s.
    """

    def __init__(self, idle_timeout_seconds: float, min_bytes_per_second: int) -> None:
        self._idle_timeout_seconds = idle_timeout_seconds
        self._min_bytes_per_second = min_bytes_per_second
        self._waited_seconds = 0.0
        self._received_bytes = 0

    async def wait_for(self, coming: Awaitable[T]) -> T:
        """What comes, which is then to be counted.

        Raises:
            TooSlow: nothing came in time.
        """
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._idle_timeout_seconds):
                came = await coming
        except TimeoutError as error:
            raise TooSlow(headers={"Connection": "close"}) from error
        self._waited_seconds += time.monotonic() - started
        return came

    def count(self, received: Sized) -> None:
        """Add bytes that came.

        Raises:
            TooSlow: they are too few by now.
        """
        self._received_bytes += len(received)
        too_few = self._received_bytes < self._min_bytes_per_second * self._waited_seconds
        if too_few and self._waited_seconds > GRACE_SECONDS:
            raise TooSlow(headers={"Connection": "close"})


async def paced_body(request: Request, pace: Pace) -> AsyncIterator[bytes]:
    """The body's chunks as they arrive.

    Raises:
        TooSlow: the client falls behind the pace.
        ClientDisconnect: the client is gone.
    """
    stream = request.stream()
    while True:
        try:
            chunk = await pace.wait_for(anext(stream))
        except StopAsyncIteration:
            return
        if chunk:
            pace.count(chunk)
            yield chunk
