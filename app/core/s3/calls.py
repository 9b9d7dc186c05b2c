"""The only caller of boto3: its calls block, so each runs in a bounded pool of threads, its errors translated."""

from __future__ import annotations

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


class StoreCalls:
    """Calls on one bucket.

    Args:
        settings: bucket, limits, and what every write tells the store.
        client: boto3's, which talks to the store.
    """

    def __init__(self, settings: StoreSettings, client: S3Client) -> None:
        self.settings = settings
        self.bucket = settings.bucket_name
        self.client = client
        self._slots = Slots(settings.max_concurrency, queue=settings.max_concurrency * 4, wait_seconds=10.0)

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
        await self._slots.close(timeout_seconds)
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
