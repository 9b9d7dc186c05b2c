"""An object's bytes as they come."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.core.s3.calls import StoreCalls

if TYPE_CHECKING:
    from botocore.response import StreamingBody


class ObjectStream:
    """An object's bytes on their way out; holds one connection to the store until closed."""

    def __init__(self, calls: StoreCalls, body: StreamingBody, length: int, on_close: Callable[[], None]) -> None:
        self.length = length
        self._calls = calls
        self._on_close = on_close
        self._body = body
        self._is_open = True

    async def read(self, size_bytes: int) -> bytes:
        """The next bytes, at most `size_bytes`, empty at the end.

        Raises:
            StorageUnavailable: the store broke off; what was read so far is not the whole.
        """
        data: bytes = await self._calls.go_on(self._body.read, size_bytes)
        return data

    def close(self) -> None:
        """Give the connection back, or drop it when bytes are left on it. Twice is once."""
        if self._is_open:
            self._is_open = False
            self._on_close()
            self._body.close()
