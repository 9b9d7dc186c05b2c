"""An object's bytes as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.s3.calls import Lane

if TYPE_CHECKING:
    from botocore.response import StreamingBody


class ObjectStream:
    """An object's bytes on their way out; holds one connection to the store until closed."""

    def __init__(self, lane: Lane, body: StreamingBody, length: int) -> None:
        self.length = length
        self._lane = lane
        self._body = body
        self._is_open = True

    async def read(self, size_bytes: int) -> bytes:
        """The next bytes, at most `size_bytes`, empty at the end.

        Raises:
            StorageUnavailable: the store broke off; what was read so far is not the whole.
        """
        data: bytes = await self._lane.go_on(self._body.read, size_bytes)
        return data

    def close(self) -> None:
        """Give the connection back, or drop it when bytes are left on it. Twice is once."""
        if self._is_open:
            self._is_open = False
            self._lane.open_streams -= 1
            self._body.close()
