"""How much one caller may ask for."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from limits import RateLimitItem, parse_many
from pydantic import AfterValidator, Field, SecretStr

from app.config.group import SettingsGroup, group_of
from app.config.values import has_usable_port

MAX_REQUESTS = 1_000_000_000
# What the largest batch counts as: 1,000 ids to copy, ten times each. It must be possible at all.
LARGEST_BATCH = 10_000
TLS_OPTIONS = frozenset({"ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile"})


def _windows(text: str) -> tuple[RateLimitItem, ...]:
    """The limits that a text names, shortest first, each once."""
    return tuple(sorted(set(parse_many(text)), key=lambda window: (window.get_expiry(), window.amount)))


def _rate_limit(text: str) -> str:
    try:
        windows = _windows(text) if text.strip() else ()
    except ValueError as error:
        message = "give requests per time, such as 600/minute, or several: 20/second;600/minute; empty: no limit"
        raise ValueError(message) from error
    if not all(1 <= window.amount <= MAX_REQUESTS for window in windows):
        message = f"let at least 1 and at most {MAX_REQUESTS} requests pass; empty: no limit"
        raise ValueError(message)
    return text.strip()


def _rate_limit_ids(text: str) -> str:
    text = _rate_limit(text)
    if text and not all(window.amount >= LARGEST_BATCH for window in _windows(text)):
        message = f"let at least {LARGEST_BATCH} ids pass, since the largest batch counts as so many; empty: no limit"
        raise ValueError(message)
    return text


def _redis_url(value: SecretStr) -> SecretStr:
    parts = urlsplit(value.get_secret_value())
    database = parts.path.removeprefix("/")
    options = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    is_known = parts.scheme == "rediss" or (parts.scheme == "redis" and not options)
    is_database = not database or (database.isascii() and database.isdigit())
    if not (is_known and parts.hostname and has_usable_port(parts) and is_database and options <= TLS_OPTIONS):
        message = (
            "give the address of a Redis, such as redis://:password@redis.internal:6379/0 or rediss://… for TLS"
            " (characters such as / @ # in the password percent-encoded)"
        )
        raise ValueError(message)
    return value


class RateSettings(SettingsGroup):
    """How many requests, ids, uploads, downloads and batches one caller may have (no prefix)."""

    model_config = group_of("")
    meant_empty = frozenset({"rate_limit", "rate_limit_ids"})  # none

    rate_limit: Annotated[str, Field(max_length=200), AfterValidator(_rate_limit)] = "600/minute"
    # Ids in batches and in requests for many URLs.
    rate_limit_ids: Annotated[str, Field(max_length=200), AfterValidator(_rate_limit_ids)] = "10000/minute"
    # Where all processes count together; without it each counts by itself.
    rate_limit_storage_url: Annotated[SecretStr, AfterValidator(_redis_url)] | None = None
    uploads_max_concurrent: Annotated[int, Field(ge=1, le=10_000)] = 20
    batches_max_concurrent: Annotated[int, Field(ge=1, le=10_000)] = 2
    downloads_max_concurrent: Annotated[int, Field(ge=1, le=10_000)] = 32

    @property
    def windows(self) -> tuple[RateLimitItem, ...]:
        """The limits, shortest first; none where nothing is limited."""
        return _windows(self.rate_limit) if self.rate_limit else ()

    @property
    def id_windows(self) -> tuple[RateLimitItem, ...]:
        """The limits of ids, likewise."""
        return _windows(self.rate_limit_ids) if self.rate_limit_ids else ()
