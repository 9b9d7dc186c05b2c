"""The only caller of boto3: its calls block, so each runs in a bounded pool of threads, its errors translated.

There are three such pools, `Lane`s: what the service does for itself never waits for clients that read or send.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from app.config import StoreSettings
from app.core.exceptions import HoldfastError
from app.core.s3.errors import ObjectNotFound, StorageUnavailable, answer_code, translate
from app.core.slots import Slots

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

P = ParamSpec("P")
R = TypeVar("R")
log = structlog.get_logger()


STREAMS_PER_SLOT = 8
WAIT_SECONDS = 10.0


class Lane:
    """One kind of calls, with threads and streams of its own.

    Args:
        size: how many calls run at once.
        queue: how many more may wait.
    """

    def __init__(self, size: int, queue: int) -> None:
        self._slots = Slots(size, queue=queue, wait_seconds=WAIT_SECONDS)
        self.max_streams = size * STREAMS_PER_SLOT
        self.open_streams = 0

    async def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run one boto3 call in a slot, its errors translated.

        Raises:
            HoldfastError: a category of `app.core.s3.errors`.
        """
        try:
            return await self._slots.run(function, *args, **kwargs)
        except (BotoCoreError, ClientError) as error:
            raise _translated(function, error) from error

    async def go_on(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The same for a step of a transfer that was begun: it's never refused for want of a slot."""
        try:
            return await self._slots.go_on(function, *args, **kwargs)
        except (BotoCoreError, ClientError) as error:
            raise _translated(function, error) from error

    async def close(self, timeout_seconds: float) -> None:
        """Take no new calls, and wait for running ones, but not for ever."""
        await self._slots.close(timeout_seconds)


class StoreCalls(Lane):
    """Calls on one bucket; itself the lane of what the service does: verification, copies, removal, all that is quick.

    Args:
        settings: bucket, limits, and what every write tells the store.
        client: boto3's, which talks to the store.
    """

    def __init__(self, settings: StoreSettings, client: S3Client) -> None:
        size = settings.max_concurrency
        super().__init__(size, queue=size * 4)
        # As many as are let in may begin at once: readers by their memory, uploads by theirs.
        self.readers = Lane(size, queue=size * STREAMS_PER_SLOT)
        self.uploads = Lane(size, queue=size * STREAMS_PER_SLOT)
        self.settings = settings
        self.bucket = settings.bucket_name
        self.client = client

    async def ask(self, operation: str, **parameters: object) -> dict[str, Any]:
        """Any operation on the bucket, by boto3's name of it; waits for a slot as long as it takes."""
        answer: dict[str, Any] = await self.go_on(getattr(self.client, operation), Bucket=self.bucket, **parameters)
        return answer

    def write_options(self, storage_class: str) -> dict[str, Any]:
        """What every write tells the store: encryption and storage class, by boto3's names."""
        options: dict[str, Any] = {}
        if self.settings.encrypt_at_rest:
            options["ServerSideEncryption"] = "aws:kms" if self.settings.kms_key_id else "AES256"
            if self.settings.kms_key_id:
                options["SSEKMSKeyId"] = self.settings.kms_key_id
        if storage_class != "STANDARD":
            options["StorageClass"] = storage_class
        return options

    async def close(self, timeout_seconds: float) -> None:
        """Wait for running calls, but not for ever, then drop all connections."""
        closing = [super().close(timeout_seconds)]
        closing += [lane.close(timeout_seconds) for lane in (self.readers, self.uploads)]
        await asyncio.gather(*closing)
        self.client.close()


def _translated(function: Callable[..., object], error: BotoCoreError | ClientError) -> HoldfastError:
    translated = translate(error)
    if not isinstance(translated, ObjectNotFound):
        log.warning(
            "store_call_failed",
            operation=getattr(function, "__name__", "call"),
            error=answer_code(error),
            detail=_operator_detail(translated, error),
        )
    return translated


def _operator_detail(translated: HoldfastError, error: BotoCoreError | ClientError) -> str:
    """The original text for what an operator must mend; time-outs need none."""
    return type(translated).__name__ if isinstance(translated, StorageUnavailable) else str(error)
