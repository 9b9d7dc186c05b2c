"""Finds out what a store really keeps by trying.

A feature counts only if the right request is taken and the wrong one is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from app.core.capabilities import races, trials
from app.core.capabilities.sandbox import NOT_IMPLEMENTED, NoVerdictError, Sandbox, is_refusal, status_of

if TYPE_CHECKING:
    from app.core.s3.adapter import S3

# Raise it when a trial changes: stored answers of other versions are not read.
PROBE_VERSION = 2
ATTEMPTS = 2
TRIALS: tuple[Callable[[Sandbox], bool], ...] = (
    races.conditional_put,
    trials.post_policy,
    trials.verifies_sha256,
    trials.returns_sha256,
    trials.part_checksums,
    trials.optional_part_checksums,
    trials.copy_source_if_match,
    races.conditional_complete,
    trials.complete_object_size,
    trials.sealed_multipart,
    trials.server_side_encryption,
    trials.versioning,
)


async def probe_capabilities(s3: S3) -> dict[str, bool]:
    """Try everything in the real bucket, under the reserved prefix; takes seconds and one slot of the adapter.

    Returns:
        One entry a trial: whether the store keeps it.

    Raises:
        StorageUnavailable, StorageMisconfigured, StorageBusy: plain writes fail, so no trial means anything.
    """
    # The adapter's client: the same address, credentials and TLS as everything else has.
    sandbox = Sandbox(s3.client, s3.settings, s3.write_options("STANDARD"))
    trying = asyncio.ensure_future(s3.call(_try_all, sandbox))
    try:
        return await asyncio.shield(trying)
    except asyncio.CancelledError:
        sandbox.stop()
        # It fails in its own words then, which nobody waits for any more.
        await asyncio.gather(trying, return_exceptions=True)
        raise


def _try_all(sandbox: Sandbox) -> dict[str, bool]:
    try:
        sandbox.check()
        return {trial.__name__: _verdict(trial, sandbox) for trial in TRIALS}
    finally:
        sandbox.remove()


def _verdict(trial: Callable[[Sandbox], bool], sandbox: Sandbox) -> bool:
    """Whether the trial succeeds. One that makes the store fail again and again, and only that one, doesn't."""
    for _ in range(ATTEMPTS):
        try:
            return trial(sandbox)
        except ClientError as error:
            if is_refusal(status_of(error)) or status_of(error) == NOT_IMPLEMENTED:
                return False
        except (NoVerdictError, BotoCoreError):
            pass  # Either an outage, which the next line raises, or what this store does with such a request.
        sandbox.check()
    return False
