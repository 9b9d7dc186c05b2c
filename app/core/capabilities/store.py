"""What the store of this service keeps: learned by trying, once for all workers, stored in the registry.

Stores that speak S3 differ in what they enforce. Whoever relies on a feature asks here first, and has
another way where it isn't kept; nothing is taken for kept before it was seen.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import structlog

from app.config import ConfigurationError
from app.core.background import BackgroundLoop
from app.core.capabilities.probes import probe_capabilities
from app.core.capabilities.registry import MAX_AGE, Verdicts, alone, read_verdicts, write_verdicts
from app.core.clock import utc_now
from app.core.database import Database
from app.core.exceptions import Unavailable
from app.core.s3.adapter import S3

log = structlog.get_logger()

# How often it is looked whether there is something to learn, and how long a failure is left alone at most.
LOOK_SECONDS = 10.0
WAIT_SECONDS = 5.0


@dataclass(frozen=True)
class Capabilities:
    """What the store was seen to keep; the trials of the same names say exactly what was tried.

    Args:
        conditional_put: `If-None-Match: *` on a presigned PUT, also when many come at once.
        post_policy: form POSTs, and every condition of their policies.
        verifies_sha256: refuses bytes that don't have the SHA-256 that was signed.
        returns_sha256: tells that SHA-256 again.
        part_checksums: both of these for the parts of a multipart upload.
        optional_part_checksums: checks such parts also in an upload that was begun without checksums.
        copy_source_if_match: copies only the object whose ETag is named.
        conditional_complete: `If-None-Match: *` on completing a multipart upload, also when many come at once.
        complete_object_size: completes only to the size that is named.
        sealed_multipart: refuses parts for a multipart upload that was completed.
        server_side_encryption: encrypts with AES256 when asked, and says so.
        versioning: the bucket kept versions when it was tried.
    """

    conditional_put: bool = False
    post_policy: bool = False
    verifies_sha256: bool = False
    returns_sha256: bool = False
    part_checksums: bool = False
    optional_part_checksums: bool = False
    copy_source_if_match: bool = False
    conditional_complete: bool = False
    complete_object_size: bool = False
    sealed_multipart: bool = False
    server_side_encryption: bool = False
    versioning: bool = False


NAMES = tuple(field.name for field in fields(Capabilities))


class CapabilitiesUnknown(Unavailable):
    """Nobody could find out yet what the store keeps."""

    detail = "The service has not yet seen what its store can do; try again in a few seconds."


class StoreCapabilities:
    """What is known so far: nothing is kept until `learn` found out.

    `current` is for what has another way that is always safe; `known` for what has none.

    Args:
        pinned: what the operator says; see `learn_capabilities`.

    Raises:
        ConfigurationError: it names something unknown.
    """

    def __init__(self, database: Database, s3: S3, pinned: Mapping[str, bool]) -> None:
        self._database = database
        self._s3 = s3
        self._pinned = _checked(pinned)
        self._learned = asyncio.Event()
        self._old_at = float("-inf")
        self.current = Capabilities(**self._pinned)

    @property
    def is_learned(self) -> bool:
        """Whether `current` is what the store was seen to keep."""
        return self._learned.is_set()

    async def known(self) -> Capabilities:
        """What the store was seen to keep; waits a little while that is still being found out.

        Raises:
            CapabilitiesUnknown: it took too long, as the store or the registry is away.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._learned.wait()
        except TimeoutError as error:
            raise CapabilitiesUnknown from error
        return self.current

    def loop(self) -> BackgroundLoop:
        """Learns until it knows, and again when that has become old."""
        return BackgroundLoop(
            "store_capabilities", self.learn, interval_seconds=LOOK_SECONDS, longest_pause_seconds=LOOK_SECONDS
        )

    async def learn(self) -> None:
        """Learn, if that wasn't done yet or has become old.

        Raises:
            DatabaseUnavailable, StorageUnavailable, StorageMisconfigured, StorageBusy: nothing could be found out.
        """
        if time.monotonic() < self._old_at:
            return
        self.current = await learn_capabilities(self._database, self._s3, self._pinned)
        self._old_at = time.monotonic() + MAX_AGE.total_seconds()
        self._learned.set()


async def learn_capabilities(database: Database, s3: S3, pinned: Mapping[str, bool]) -> Capabilities:
    """Read what was found out about this store, or find it out, which takes seconds.

    Of workers that start together one tries and the others wait for it. What is older than a week is tried
    again, and used as it is if the store can't be reached.

    Args:
        database: the registry.
        s3: the store.
        pinned: flags that the operator sets; with all of them set, neither registry nor store is asked.

    Raises:
        ConfigurationError: `pinned` names something unknown.
        DatabaseUnavailable, StorageUnavailable, StorageMisconfigured, StorageBusy: nothing could be found out.
    """
    pins = _checked(pinned)
    source, values = "pinned", {}
    if len(pins) < len(NAMES):
        source = "stored"
        verdicts = await read_verdicts(database, s3.settings)
        if verdicts is None or not verdicts.is_fresh:
            source, verdicts = await _find_out(database, s3)
        values = verdicts.values
    capabilities = Capabilities(**(values | pins))
    log.info("store_capabilities", source=source, pinned=sorted(pins), **asdict(capabilities))
    if not capabilities.sealed_multipart:
        log.warning(
            "store_takes_late_parts",
            detail="parts sent after their upload was completed may stay where no S3 listing shows them",
        )
    return capabilities


def _checked(pinned: Mapping[str, bool]) -> dict[str, bool]:
    unknown = sorted(set(pinned) - set(NAMES))
    if unknown:
        raise ConfigurationError(f"S3_CAPABILITIES: {', '.join(unknown)} is unknown; there are {', '.join(NAMES)}")
    return dict(pinned)


async def _find_out(database: Database, s3: S3) -> tuple[str, Verdicts]:
    async with alone(database, s3.settings):
        known = await read_verdicts(database, s3.settings)
        if known is not None and known.is_fresh:
            return "stored", known  # Another worker was faster.
        try:
            found = Verdicts(await probe_capabilities(s3), utc_now())
        except Unavailable as error:
            if known is None:
                raise
            log.warning("store_capabilities_old", probed_at=known.probed_at.isoformat(), code=type(error).code)
            return "stored", known
        await write_verdicts(database, s3.settings, found)
    return "probed", found
