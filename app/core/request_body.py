"""Requests' bodies, with the patience of a server that others are waiting for too."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request

from app.core.pace import Pace


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
