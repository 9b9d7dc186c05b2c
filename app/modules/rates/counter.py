"""Counts requests and ids: in Redis with all other processes, in memory alone or while Redis is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import structlog
from limits import RateLimitItem
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.config import RateSettings
from app.core.exceptions import Unavailable
from app.modules.rates.callers import CallerKind, CountedCaller
from app.modules.rates.counting import Counted, Standing
from app.modules.rates.memory import BoundedMemory

log = structlog.get_logger()
KEY_PREFIX = "holdfast-rate"
# What a request waits for Redis at most, all steps together, and how long it's left alone when it didn't answer.
ANSWER_SECONDS = 0.5
STEP_SECONDS = 0.25
LEFT_ALONE_SECONDS = 1.0
LOG_EVERY_SECONDS = 60.0
MOST_CONNECTIONS = 32
# What ids are counted under, apart from requests.
IDS = "ids"


class RateCounter:
    """Counts.

    Args:
        windows: the limits, shortest first.
        redis_url: where all processes count; None where this one counts by itself.
        id_windows: the limits of ids, shortest first.
    """

    def __init__(
        self, windows: Sequence[RateLimitItem], redis_url: str | None, id_windows: Sequence[RateLimitItem] = ()
    ) -> None:
        self._windows = windows
        self._id_windows = id_windows
        self._redis = None if redis_url is None else _Shared(redis_url)
        # Apart, so that no flood of addresses makes principals forgotten.
        self._local = {kind: SlidingWindowCounterRateLimiter(BoundedMemory()) for kind in CallerKind}

    @property
    def is_shared(self) -> bool:
        """Whether counting together with other processes is wanted."""
        return self._redis is not None

    async def count(self, caller: CountedCaller) -> Standing | None:
        """One more request; None where requests are not limited. Whatever becomes of Redis, this answers."""
        return await self._count(Counted(caller, self._windows, 1, (caller.kind, caller.identity)))

    async def count_ids(self, caller: CountedCaller, ids: int) -> Standing | None:
        """So many more ids, all of them or none; None where ids are not limited."""
        return await self._count(Counted(caller, self._id_windows, ids, (caller.kind, caller.identity, IDS)))

    async def _count(self, counted: Counted) -> Standing | None:
        if not counted.windows:
            return None
        if self._redis is not None and self._redis.may_be_asked():
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    standing = await counted.by(self._redis.strategy)
            except Exception as error:  # noqa: BLE001 -- no failure of a counter may fail the request
                self._redis.failed(error)
            else:
                self._redis.answered()
                return standing
        return await counted.by(self._local[counted.caller.kind])

    async def check_shared(self) -> None:
        """Ask Redis for a sign of life.

        Raises:
            Unavailable: it gives none.
        """
        if self._redis is not None:
            await self._redis.check()

    async def close(self) -> None:
        """Give the connections back."""
        if self._redis is not None:
            await self._redis.close()


class _Shared:
    """A Redis that may be away."""

    def __init__(self, url: str) -> None:
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=MOST_CONNECTIONS,
            timeout=STEP_SECONDS,
            socket_timeout=STEP_SECONDS,
            socket_connect_timeout=STEP_SECONDS,
            # A connection that died while it lay in the pool is made anew at once.
            retry=Retry(NoBackoff(), 1),
        )
        storage = RedisStorage(
            "async+redis://",  # the pool knows where
            implementation="redispy",
            key_prefix=KEY_PREFIX,
            connection_pool=self._pool,  # type: ignore[arg-type]  # the library hands all options on as they are
        )
        self.strategy = SlidingWindowCounterRateLimiter(storage)
        self._ask_again_at: float | None = None
        self._logged_at = float("-inf")

    def may_be_asked(self) -> bool:
        """Whether it answers, as far as is known. While it doesn't, one request a second tries."""
        now = time.monotonic()
        if self._ask_again_at is None:
            return True
        if now < self._ask_again_at:
            return False
        self._ask_again_at = now + LEFT_ALONE_SECONDS
        return True

    def failed(self, error: Exception) -> None:
        """It did not answer."""
        now = time.monotonic()
        self._ask_again_at = now + LEFT_ALONE_SECONDS
        if now - self._logged_at >= LOG_EVERY_SECONDS:
            self._logged_at = now
            log.warning("rate_limit_storage_unavailable", error=type(error).__name__)

    def answered(self) -> None:
        """It did."""
        if self._ask_again_at is not None:
            self._ask_again_at = None
            log.info("rate_limit_storage_available")

    async def check(self) -> None:
        """As of `RateCounter.check_shared`."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await Redis(connection_pool=self._pool).ping()
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable from error

    async def close(self) -> None:
        """Give the connections back."""
        await self._pool.disconnect()


def build_rate_counter(settings: RateSettings) -> RateCounter | None:
    """The counter of a process; None where nothing is limited."""
    if not (settings.windows or settings.id_windows):
        return None
    url = settings.rate_limit_storage_url
    return RateCounter(settings.windows, None if url is None else url.get_secret_value(), settings.id_windows)
