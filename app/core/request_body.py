"""A request's body as chunks, with the patience of a server that others are waiting for too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from starlette.requests import Request

from app.core.exceptions import TooSlow

GRACE_SECONDS = 20.0


async def paced_body(
    request: Request, *, idle_timeout_seconds: float, min_bytes_per_second: int
) -> AsyncIterator[bytes]:
    """The body's chunks as they arrive.

    Only the time spent waiting for the client counts: a slow store is not the client's fault.

    Raises:
        TooSlow: nothing came for `idle_timeout_seconds`, or after a grace of 20 s
            the average is below `min_bytes_per_second`.
        ClientDisconnect: the client is gone.
    """
    stream = request.stream()
    waited_seconds = 0.0
    received_bytes = 0
    while True:
        started = time.monotonic()
        try:
            async with asyncio.timeout(idle_timeout_seconds):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise TooSlow(headers={"Connection": "close"}) from error
        if not chunk:
            continue
        waited_seconds += time.monotonic() - started
        received_bytes += len(chunk)
        if waited_seconds > GRACE_SECONDS and received_bytes < min_bytes_per_second * waited_seconds:
            raise TooSlow(headers={"Connection": "close"})
        yield chunk
