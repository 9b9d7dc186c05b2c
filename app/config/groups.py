"""All other settings: one class a prefix."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from app.config.group import SettingsGroup, group_of
from app.config.values import (
    MEBIBYTE,
    HostName,
    HttpAddress,
    KeysAddress,
    Network,
    Origin,
    asyncpg_url,
    split_words,
)

HS256_MIN_SECRET_BYTES = 32


def _is_short(secret: SecretStr) -> bool:
    return len(secret.get_secret_value().encode()) < HS256_MIN_SECRET_BYTES


class AuthSettings(SettingsGroup):
    """How callers prove who they are (`AUTH_*`)."""

    model_config = group_of("AUTH_")

    enabled: bool = True
    jwt_secret: SecretStr | None = None
    jwks_url: KeysAddress | None = None
    issuer: str | None = None
    audience: str | None = None
    signing_secret: SecretStr | None = None
    groups_claim: Annotated[str, Field(max_length=255)] = "groups"
    # Between the groups of a text; None takes the text for one group.
    groups_separator: Literal["space", "comma"] | None = None

    # How old the provider's keys may get before they are asked for again, how long after an attempt the
    # next one is made, and how old they may get while the provider doesn't answer.
    jwks_refresh_seconds: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    jwks_retry_seconds: Annotated[float, Field(gt=0, le=3_600)] = 10.0
    jwks_max_age_seconds: Annotated[float, Field(gt=0, le=604_800)] = 3600.0
    jwks_timeout_seconds: Annotated[float, Field(gt=0, le=30)] = 5.0

    @property
    def groups_separator_text(self) -> str | None:
        """The separator itself."""
        return None if self.groups_separator is None else {"space": " ", "comma": ","}[self.groups_separator]

    @model_validator(mode="after")
    def _can_authenticate(self) -> Self:
        if self.signing_secret is not None and _is_short(self.signing_secret):
            message = "AUTH_SIGNING_SECRET is shorter than 32 bytes: try openssl rand -hex 32"
            raise ValueError(message)
        if not self.enabled:
            return self
        if self.jwks_url is not None:
            return self._with_provider()
        if self.jwt_secret is None:
            message = (
                "AUTH_JWT_SECRET is not set, so nobody could sign in: give a secret of at least"
                " 32 bytes (openssl rand -hex 32), AUTH_JWKS_URL for the tokens of an identity provider,"
                " or AUTH_ENABLED=false to serve everybody as one user"
            )
            raise ValueError(message)
        if _is_short(self.jwt_secret):
            message = "AUTH_JWT_SECRET is shorter than the 32 bytes that HS256 needs: try openssl rand -hex 32"
            raise ValueError(message)
        return self

    def _with_provider(self) -> Self:
        if self.jwt_secret is not None:
            message = "AUTH_JWT_SECRET and AUTH_JWKS_URL are both set; tokens are ours or a provider's: set one of them"
            raise ValueError(message)
        if self.jwks_max_age_seconds < self.jwks_refresh_seconds:
            message = "AUTH_JWKS_MAX_AGE_SECONDS must not be less than AUTH_JWKS_REFRESH_SECONDS"
            raise ValueError(message)
        return self


class UploadSettings(SettingsGroup):
    """How long an upload may take and stay unfinished (`UPLOAD_*`)."""

    model_config = group_of("UPLOAD_")

    lease_seconds: Annotated[float, Field(ge=1)] = 60.0
    idle_timeout_seconds: Annotated[float, Field(gt=0)] = 30.0
    min_bytes_per_second: Annotated[int, Field(ge=0)] = 1024
    cleanup_interval_seconds: Annotated[float, Field(gt=0)] = 30.0
    # After a store that did not answer, and after the end of a URL: how long bytes may still arrive.
    late_write_seconds: Annotated[float, Field(ge=0)] = 60.0
    longest_transfer_seconds: Annotated[float, Field(ge=0)] = 3600.0
    expiry_minutes: Annotated[int, Field(ge=1, le=10_080)] = 1440
    # Of parts on their way to the store, in each process; one part of a file has 8 MiB.
    memory_mb: Annotated[int, Field(ge=16)] = 256

    @property
    def memory_bytes(self) -> int:
        """How much of uploads is in memory at most."""
        return self.memory_mb * MEBIBYTE


class DownloadSettings(SettingsGroup):
    """How slow a client may read, and what all readers may hold (`DOWNLOAD_*`)."""

    model_config = group_of("DOWNLOAD_")

    idle_timeout_seconds: Annotated[float, Field(gt=0)] = 30.0
    min_bytes_per_second: Annotated[int, Field(ge=0)] = 1024
    memory_mb: Annotated[int, Field(ge=1)] = 128

    @property
    def memory_bytes(self) -> int:
        """How much of downloads is in memory at most."""
        return self.memory_mb * MEBIBYTE


class BodySettings(SettingsGroup):
    """How much of bodies that are read whole, such as JSON, may be in memory, and for how long (`BODY_*`)."""

    model_config = group_of("BODY_")

    # 1 MiB, the most that is read, in 15 s is 70 kB a second.
    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 15.0
    buffer_max_mb: Annotated[int, Field(ge=8)] = 64
    buffer_max_mb_per_caller: Annotated[int, Field(ge=8)] = 16

    @model_validator(mode="after")
    def _share_fits(self) -> Self:
        if self.buffer_max_mb_per_caller > self.buffer_max_mb:
            message = "BODY_BUFFER_MAX_MB_PER_CALLER must not be more than BODY_BUFFER_MAX_MB"
            raise ValueError(message)
        return self

    @property
    def buffer_max_bytes(self) -> int:
        """All bodies of a process together, with what they are parsed into."""
        return self.buffer_max_mb * MEBIBYTE

    @property
    def buffer_max_bytes_per_caller(self) -> int:
        """Those of one subject, and those from one address."""
        return self.buffer_max_mb_per_caller * MEBIBYTE


class VerifySettings(SettingsGroup):
    """How much is read back to verify it (`VERIFY_*`)."""

    model_config = group_of("VERIFY_")

    inline_max_mb: Annotated[int, Field(ge=0)] = 256

    @property
    def inline_max_bytes(self) -> int:
        """Up to this size a client waits for the verification; above it becomes a job."""
        return self.inline_max_mb * MEBIBYTE


class QuotaSettings(SettingsGroup):
    """How much each owner may have that has no limit of its own (`QUOTA_*`); None is no limit."""

    model_config = group_of("QUOTA_")

    max_bytes: Annotated[int | None, Field(ge=0, le=2**53 - 1)] = None
    max_files: Annotated[int | None, Field(ge=0, le=2**53 - 1)] = None


class OutboxSettings(SettingsGroup):
    """Who carries out what must happen after a commit, such as removing objects (`OUTBOX_*`)."""

    model_config = group_of("OUTBOX_")

    enabled: bool = True
    poll_seconds: Annotated[float, Field(gt=0)] = 1.0
    concurrency: Annotated[int, Field(ge=1, le=256)] = 8
    lease_seconds: Annotated[float, Field(ge=1)] = 60.0


EMPTY_IS_NONE = BeforeValidator(lambda value: None if value == "" else value)
DaysOrNever = Annotated[int | None, Field(ge=0), EMPTY_IS_NONE]


class MaintenanceSettings(SettingsGroup):
    """What the service does unasked, how often and how fast (no prefix)."""

    model_config = group_of("")
    # Never.
    meant_empty = frozenset({"file_cleanup_days", "api_key_cleanup_days", "audit_retention_days"})

    maintenance_interval_seconds: Annotated[float, Field(ge=0)] = 3600.0
    reconcile_grace_seconds: Annotated[float, Field(ge=0)] = 3600.0
    file_cleanup_days: DaysOrNever = 30
    # Until then its owner sees that it was there, and when it was last used.
    api_key_cleanup_days: DaysOrNever = 90
    quarantine_days: Annotated[int, Field(ge=0)] = 7
    audit_retention_days: Annotated[Annotated[int, Field(ge=1)] | None, EMPTY_IS_NONE] = 365
    scrub_mb_per_second: Annotated[float, Field(gt=0)] = 20.0
    scrub_interval_days: Annotated[int, Field(ge=0)] = 30


class DatabaseSettings(SettingsGroup):
    """The registry's PostgreSQL (`DATABASE_*`)."""

    model_config = group_of("DATABASE_")

    url: SecretStr
    pool_size: Annotated[int, Field(ge=1, le=500)] = 10
    pool_timeout_seconds: Annotated[float, Field(gt=0)] = 5.0

    @field_validator("url")
    @classmethod
    def _asyncpg_url(cls, value: SecretStr) -> SecretStr:
        return SecretStr(asyncpg_url(value.get_secret_value()))


class ServerSettings(SettingsGroup):
    """The HTTP surface and the process (no prefix)."""

    model_config = group_of("")

    api_v1_prefix: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9_.-]+)+$")] = "/api/v1"
    # Where clients reach the service; None takes it from each request.
    public_url: HttpAddress | None = None
    cors_origins: Annotated[tuple[Origin, ...], NoDecode] = ()
    # Names in Host besides loopback's and that of `public_url`.
    allowed_hosts: Annotated[tuple[HostName, ...], NoDecode] = ()
    # Whose X-Forwarded-For and X-Forwarded-Proto are believed; without any, the caller is who connects.
    forwarded_allow_ips: Annotated[tuple[Network, ...], NoDecode] = ()
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "json"
    debug: bool = False
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    data_dir: Path = Path(".data")
    # Before a process that was told to stop takes no more connections: readiness is red meanwhile.
    shutdown_delay_seconds: Annotated[float, Field(ge=0)] = 1.0
    # From the signal to the end of the process, whatever hangs; the delay is part of it.
    shutdown_grace_seconds: Annotated[int, Field(ge=0)] = 25
    keep_alive_seconds: Annotated[int, Field(ge=1)] = 75

    @field_validator("allowed_hosts", "cors_origins", "forwarded_allow_ips", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        return split_words(value)

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value
