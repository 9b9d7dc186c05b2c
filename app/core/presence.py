"""Whether somebody still waits for an answer: long work asks between two of its steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request

# Called where work can be left off with nothing half done; raises if it is to be.
Checkpoint = Callable[[], Awaitable[None]]


def while_connected(request: Request) -> Checkpoint:
    """A checkpoint that ends the work once the client has closed its connection.

    The request's body must have been read: what still came of it would be taken and lost.
    """

    async def check() -> None:
        if await request.is_disconnected():
            raise ClientDisconnect

    return check
