"""The identity provider's keys, kept in memory: asked for seldom, and by one request at a time.

Whoever invents key ids makes the provider answer once in `AUTH_JWKS_RETRY_SECONDS` at most, a process.
"""

from __future__ import annotations

import asyncio
import math
import time

import structlog

from app.config import AuthSettings
from app.modules.auth.exceptions import AuthenticationUnavailable
from app.modules.auth.key_set import KeySet, KeySetError, VerificationKey, fetch_key_set

__all__ = ["ProviderKeys", "VerificationKey"]

LONGEST_PAUSE_SECONDS = 60.0
log = structlog.get_logger()


class ProviderKeys:
    """Finds the key that a token names.

    Args:
        url: where the provider publishes its key set.
        settings: how old keys may get, and the pauses between two attempts.
    """

    def __init__(self, url: str, settings: AuthSettings) -> None:
        self._url = url
        self._settings = settings
        self._keys: KeySet = {}
        self._fetched_at = -math.inf
        self._next_attempt_at = -math.inf
        self._failures = 0
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str, algorithm: str) -> VerificationKey | None:
        """The key of this id for this algorithm; None when the provider has no such key.

        Raises:
            AuthenticationUnavailable: the provider doesn't answer, and what is known of its keys is too
                old, or doesn't hold this one.
        """
        name = (key_id, algorithm)
        if name not in self._keys or self._age() > self._settings.jwks_refresh_seconds:
            await self._refresh(is_known=name in self._keys)
        is_usable = self._age() <= self._settings.jwks_max_age_seconds
        key = self._keys.get(name) if is_usable else None
        if key is None and (self._failures or not is_usable):
            raise AuthenticationUnavailable(retry_after_seconds=self._pause_left())
        return key

    async def close(self) -> None:
        """Wait for nobody's answer any more."""
        if self._fetching is not None:
            self._fetching.cancel()

    async def _refresh(self, *, is_known: bool) -> None:
        if self._fetching is None:
            if time.monotonic() < self._next_attempt_at:
                return
            self._fetching = asyncio.create_task(self._fetch())
        # While the provider fails, only those wait for it who have no key to go on with.
        can_go_on = is_known and self._failures and self._age() <= self._settings.jwks_max_age_seconds
        if not can_go_on:
            # A caller that goes away doesn't take the answer from the others.
            await asyncio.shield(self._fetching)

    async def _fetch(self) -> None:
        settings = self._settings
        pause = settings.jwks_retry_seconds
        try:
            # The thread's own limits are for each step; this one is for all of it.
            async with asyncio.timeout(2 * settings.jwks_timeout_seconds):
                keys = await asyncio.to_thread(fetch_key_set, self._url, settings.jwks_timeout_seconds)
        except (KeySetError, TimeoutError) as error:
            pause = min(pause * 2 ** min(self._failures, 10), max(pause, LONGEST_PAUSE_SECONDS))
            self._failures += 1
            log.warning(
                "jwks_fetch_failed",
                detail=str(error) or "no answer in time",
                failures=self._failures,
                age_seconds=self._known_age(),
            )
        else:
            if {*keys} != {*self._keys}:
                log.info("jwks_changed", keys=len(keys))
            self._keys, self._fetched_at, self._failures = keys, time.monotonic(), 0
        finally:
            self._next_attempt_at = time.monotonic() + pause
            self._fetching = None

    def _age(self) -> float:
        return time.monotonic() - self._fetched_at

    def _known_age(self) -> float | None:
        return round(self._age(), 1) if self._keys else None

    def _pause_left(self) -> int:
        return max(1, math.ceil(self._next_attempt_at - time.monotonic()))
