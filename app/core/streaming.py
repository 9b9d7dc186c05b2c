"""Answers that stream: stopped when the client goes away, and always closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class ClosingStream(Response):
    """Streams chunks and calls `close` once at the end, whichever end it is.

    Starlette's own streaming answer closes nothing when it's cancelled before its first chunk,
    and cancels again and again while a thread is still reading.

    Args:
        chunks: the body.
        close: gives back what the body holds.
        status_code: 200 or 206.
        headers: all of them, Content-Length included, so that a broken transfer is seen as one.
    """

    def __init__(
        self, chunks: AsyncIterator[bytes], close: Callable[[], None], *, status_code: int, headers: Mapping[str, str]
    ) -> None:
        super().__init__(status_code=status_code, headers=dict(headers))
        self._chunks = chunks
        self._close = close

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the body or the client ends."""
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(self._client_leaves(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                await sending
        finally:
            sending.cancel()
            leaving.cancel()
            try:
                await asyncio.wait({sending, leaving})
            finally:
                self._close_behind(sending)

    def _close_behind(self, sending: asyncio.Task[None]) -> None:
        """Close now, or where this answer was cancelled twice, when the thread that reads has ended."""
        if sending.done():
            self._close()
        else:
            sending.add_done_callback(lambda _sending: self._close())

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for chunk in self._chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    @staticmethod
    async def _client_leaves(receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
