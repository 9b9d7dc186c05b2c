"""Settings: every value the service can be told from outside, read once and passed in.

Each group below reads the environment variables of its prefix (and `.env`), so that a variable is
named once: the field `max_file_size_mb` of `StoreSettings` is `S3_MAX_FILE_SIZE_MB`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ENV_FILE = ".env"
MEBIBYTE = 1_048_576
SIGV4_MAX_EXPIRY_SECONDS = 604_800
HS256_MIN_SECRET_BYTES = 32
KEY_PREFIX_MAX_BYTES = 256


class ConfigurationError(Exception):
    """A setting is missing or wrong; the message names the variable and says what would be right."""


def _group(prefix: str) -> SettingsConfigDict:
    return SettingsConfigDict(env_prefix=prefix, env_file=ENV_FILE, extra="ignore", frozen=True)


class SettingsGroup(BaseSettings):
    """Variables of one prefix. An empty one counts as unset, as people leave them in `.env` files."""

    meant_empty: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def from_environment(cls) -> Self:
        """Read this group alone, for commands that need no other.

        Raises:
            ConfigurationError: as of `Settings.from_environment`.
        """
        try:
            return cls()
        except ValidationError as error:
            raise ConfigurationError(
                "\n".join(_readable(error, prefix=cls.model_config.get("env_prefix", "")))
            ) from error

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if value != "" or name in cls.meant_empty}


def _words_of(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _json(text: str, hint: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(hint) from error


def _split(value: object) -> object:
    """Take `a, b, c` or a JSON list for a list of words."""
    if not isinstance(value, str):
        return value
    if value.strip().startswith("["):
        return _json(value, 'give words with commas between them, or a JSON list such as ["a", "b"]')
    return _words_of(value)


def _has_usable_port(parts: SplitResult) -> bool:
    """Whether the port is a number; urllib says so only when asked, and repeats parts of a password then."""
    try:
        return parts.port != 0
    except ValueError:
        return False


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    is_bare = not (parts.query or parts.path.strip("/"))
    if parts.scheme not in {"http", "https"} or not parts.hostname or not is_bare or not _has_usable_port(parts):
        message = "give an http(s) address without path, such as http://localhost:9000"
        raise ValueError(message)
    return value.rstrip("/")


def asyncpg_url(value: str) -> str:
    """A PostgreSQL address as SQLAlchemy's asyncpg dialect takes it.

    Raises:
        ValueError: it's the address of something else.
    """
    parts = urlsplit(value)
    dialect, _, driver = parts.scheme.partition("+")
    if dialect not in {"postgresql", "postgres"} or driver not in {"", "asyncpg"} or not _has_usable_port(parts):
        message = (
            "give a PostgreSQL address: postgresql+asyncpg://user:password@host:5432/database"
            " (characters such as / @ # in the password percent-encoded)"
        )
        raise ValueError(message)
    # libpq calls it sslmode, asyncpg calls it ssl; people paste what their provider shows them.
    query = urlencode([("ssl" if name == "sslmode" else name, item) for name, item in parse_qsl(parts.query)])
    # Not urlunsplit: it drops the slashes of an address without host, as sockets have it.
    return f"postgresql+asyncpg://{parts.netloc}{parts.path}" + (f"?{query}" if query else "")


HttpAddress = Annotated[str, AfterValidator(_http_url)]
ExpirySeconds = Annotated[int, Field(ge=1, le=SIGV4_MAX_EXPIRY_SECONDS)]


class StoreSettings(SettingsGroup):
    """The bucket, how to reach it, what may be put into it and under which key (`S3_*`)."""

    model_config = _group("S3_")
    meant_empty = frozenset({"folder_structure"})  # keys without date folders

    bucket_name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    key_prefix: str = ""
    region: str = "us-east-1"
    endpoint_url: HttpAddress | None = None
    public_endpoint_url: HttpAddress | None = None
    access_key_id: str | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    signing_access_key_id: str | None = None
    signing_secret_access_key: SecretStr | None = None
    use_ssl: bool = True
    verify_ssl: bool = True
    addressing_style: Literal["auto", "path", "virtual"] = "auto"

    max_file_size_mb: Annotated[int, Field(ge=1, le=5 * MEBIBYTE)] = 100
    allowed_extensions: Annotated[tuple[str, ...], NoDecode] = (
        "jpg", "jpeg", "png", "gif", "pdf", "doc", "docx", "xls", "xlsx", "txt", "csv", "zip",
    )  # fmt: skip
    allowed_mime_types: Annotated[tuple[str, ...], NoDecode] = ()
    use_uuid_prefix: bool = True
    preserve_filename: bool = True
    folder_structure: str = "{year}/{month}/{day}"

    presigned_url_expiry: ExpirySeconds = 3600
    download_url_expiry: ExpirySeconds = 300
    encrypt_at_rest: bool = False
    kms_key_id: str | None = None
    storage_class: str = "STANDARD"
    checksums: Literal["auto", "required", "supported"] = "auto"

    # What the store keeps, where the operator knows better than the service's own trials.
    capabilities: Annotated[dict[str, bool], NoDecode] = {}

    connect_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 3.0
    read_timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    max_concurrency: Annotated[int, Field(ge=1, le=512)] = 32

    @field_validator("allowed_extensions", "allowed_mime_types", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        return _split(value)

    @field_validator("capabilities", mode="before")
    @classmethod
    def _flags(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value.strip().startswith("{"):
            return _json(value, 'give name=true,name=false or a JSON object such as {"post_policy": false}')
        return {name: flag for name, _, flag in (item.partition("=") for item in _words_of(value))}

    @field_validator("allowed_extensions")
    @classmethod
    def _extensions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(word.lower().removeprefix(".") for word in value))

    @field_validator("key_prefix")
    @classmethod
    def _prefix(cls, value: str) -> str:
        segments = [segment for segment in value.split("/") if segment]
        if any(segment in {".", ".."} or not re.fullmatch(r"[A-Za-z0-9_.-]+", segment) for segment in segments):
            message = "use segments of letters, digits, '_', '.' and '-', such as tenants/acme"
            raise ValueError(message)
        prefix = "".join(f"{segment}/" for segment in segments)
        if len(prefix) > KEY_PREFIX_MAX_BYTES:
            message = f"use at most {KEY_PREFIX_MAX_BYTES} characters; a whole key may have 1,024 bytes"
            raise ValueError(message)
        return prefix

    @field_validator("folder_structure")
    @classmethod
    def _structure(cls, value: str) -> str:
        plain = re.sub(r"\{(year|month|day|hour)\}", "0", value.strip("/"))
        if plain and not all(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", segment) for segment in plain.split("/")):
            message = "use letters, digits, '_', '-', '/' and {year}, {month}, {day}, {hour}"
            raise ValueError(message)
        return value.strip("/")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            message = (
                "S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY go together: set both, or none to use boto3's own chain"
            )
            raise ValueError(message)
        if (self.signing_access_key_id is None) != (self.signing_secret_access_key is None):
            message = "S3_SIGNING_ACCESS_KEY_ID and S3_SIGNING_SECRET_ACCESS_KEY go together: set both or none"
            raise ValueError(message)
        if self.kms_key_id and not self.encrypt_at_rest:
            message = "S3_KMS_KEY_ID has no effect without S3_ENCRYPT_AT_REST=true"
            raise ValueError(message)
        return self

    @property
    def max_file_size_bytes(self) -> int:
        """The limit of one file."""
        return self.max_file_size_mb * MEBIBYTE

    @property
    def wants_checksum_headers(self) -> bool:
        """Whether boto3 adds its CRC headers; many stores other than AWS refuse or even store them."""
        return self.checksums == "supported" or (self.checksums == "auto" and self.endpoint_url is None)


class AuthSettings(SettingsGroup):
    """How callers prove who they are (`AUTH_*`)."""

    model_config = _group("AUTH_")

    enabled: bool = True
    jwt_secret: SecretStr | None = None
    issuer: str | None = None
    audience: str | None = None

    @model_validator(mode="after")
    def _can_authenticate(self) -> Self:
        if not self.enabled:
            return self
        if self.jwt_secret is None:
            message = (
                "AUTH_JWT_SECRET is not set, so nobody could sign in: give a secret of at least"
                " 32 bytes (openssl rand -hex 32), or AUTH_ENABLED=false to serve everybody as one user"
            )
            raise ValueError(message)
        if len(self.jwt_secret.get_secret_value().encode()) < HS256_MIN_SECRET_BYTES:
            message = "AUTH_JWT_SECRET is shorter than the 32 bytes that HS256 needs: try openssl rand -hex 32"
            raise ValueError(message)
        return self


class UploadSettings(SettingsGroup):
    """How long an upload may take and stay unfinished (`UPLOAD_*`)."""

    model_config = _group("UPLOAD_")

    lease_seconds: Annotated[float, Field(ge=1)] = 60.0
    idle_timeout_seconds: Annotated[float, Field(gt=0)] = 30.0
    min_bytes_per_second: Annotated[int, Field(ge=0)] = 1024
    cleanup_interval_seconds: Annotated[float, Field(gt=0)] = 30.0
    # After a store that did not answer, and after the end of an URL: how long bytes may still arrive.
    late_write_seconds: Annotated[float, Field(ge=0)] = 60.0
    longest_transfer_seconds: Annotated[float, Field(ge=0)] = 3600.0
    expiry_minutes: Annotated[int, Field(ge=1, le=10_080)] = 1440


class VerifySettings(SettingsGroup):
    """How much is read back to verify it (`VERIFY_*`)."""

    model_config = _group("VERIFY_")

    inline_max_mb: Annotated[int, Field(ge=0)] = 256

    @property
    def inline_max_bytes(self) -> int:
        """Up to this size a client waits for the verification; above it becomes a job."""
        return self.inline_max_mb * MEBIBYTE


class OutboxSettings(SettingsGroup):
    """Who carries out what must happen after a commit, such as removing objects (`OUTBOX_*`)."""

    model_config = _group("OUTBOX_")

    enabled: bool = True
    poll_seconds: Annotated[float, Field(gt=0)] = 1.0
    concurrency: Annotated[int, Field(ge=1, le=256)] = 8
    lease_seconds: Annotated[float, Field(ge=1)] = 60.0


class DatabaseSettings(SettingsGroup):
    """The registry's PostgreSQL (`DATABASE_*`)."""

    model_config = _group("DATABASE_")

    url: SecretStr
    pool_size: Annotated[int, Field(ge=1, le=500)] = 10
    pool_timeout_seconds: Annotated[float, Field(gt=0)] = 5.0

    @field_validator("url")
    @classmethod
    def _asyncpg_url(cls, value: SecretStr) -> SecretStr:
        return SecretStr(asyncpg_url(value.get_secret_value()))


class ServerSettings(SettingsGroup):
    """The HTTP surface and the process (no prefix)."""

    model_config = _group("")

    api_v1_prefix: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9_.-]+)+$")] = "/api/v1"
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "json"
    debug: bool = False
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    data_dir: Path = Path(".data")
    # Before a process that was told to stop takes no more connections: readiness is red meanwhile.
    shutdown_delay_seconds: Annotated[float, Field(ge=0)] = 1.0
    shutdown_grace_seconds: Annotated[int, Field(ge=0)] = 25

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        return _split(value)

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value


class Settings(BaseModel):
    """All groups, frozen."""

    model_config = ConfigDict(frozen=True)

    store: StoreSettings
    database: DatabaseSettings
    auth: AuthSettings
    upload: UploadSettings
    verify: VerifySettings
    outbox: OutboxSettings
    server: ServerSettings

    @classmethod
    def from_environment(cls, *, env_file: str | None = ENV_FILE) -> Settings:
        """Read all groups at once, so that the operator sees everything that is wrong in one go.

        Args:
            env_file: read below the environment; None where that has been done already.

        Raises:
            ConfigurationError: with one line a variable: its name and what would be right.
        """
        groups: dict[str, type[BaseSettings]] = {
            "store": StoreSettings,
            "database": DatabaseSettings,
            "auth": AuthSettings,
            "upload": UploadSettings,
            "verify": VerifySettings,
            "outbox": OutboxSettings,
            "server": ServerSettings,
        }
        values: dict[str, Any] = {}
        problems: list[str] = []
        for name, group in groups.items():
            try:
                values[name] = group(_env_file=env_file)
            except ValidationError as error:
                problems += _readable(error, prefix=group.model_config.get("env_prefix", ""))
        if problems:
            raise ConfigurationError("\n".join(problems))
        return cls(**values)


def _readable(error: ValidationError, *, prefix: str) -> list[str]:
    lines = []
    for item in error.errors(include_input=False, include_url=False):
        message = item["msg"].removeprefix("Value error, ")
        if item["loc"]:
            variable = f"{prefix}{item['loc'][0]}".upper()
            lines.append(f"{variable} is not set" if item["type"] == "missing" else f"{variable}: {message}")
        else:
            lines.append(message)
    return lines
