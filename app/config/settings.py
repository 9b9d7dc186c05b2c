"""All groups at once."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from app.config.group import ENV_FILE, ConfigurationError, SettingsGroup, readable
from app.config.groups import (
    AuthSettings,
    BodySettings,
    DatabaseSettings,
    DownloadSettings,
    MaintenanceSettings,
    OutboxSettings,
    QuotaSettings,
    ServerSettings,
    UploadSettings,
    VerifySettings,
)
from app.config.rates import RateSettings
from app.config.store import StoreSettings

GROUPS: dict[str, type[SettingsGroup]] = {
    "store": StoreSettings,
    "database": DatabaseSettings,
    "auth": AuthSettings,
    "upload": UploadSettings,
    "body": BodySettings,
    "download": DownloadSettings,
    "verify": VerifySettings,
    "quota": QuotaSettings,
    "outbox": OutboxSettings,
    "maintenance": MaintenanceSettings,
    "rates": RateSettings,
    "server": ServerSettings,
}


class Settings(BaseModel):
    """All groups, frozen."""

    model_config = ConfigDict(frozen=True)

    store: StoreSettings
    database: DatabaseSettings
    auth: AuthSettings
    upload: UploadSettings
    body: BodySettings
    download: DownloadSettings
    verify: VerifySettings
    quota: QuotaSettings
    outbox: OutboxSettings
    maintenance: MaintenanceSettings
    rates: RateSettings
    server: ServerSettings

    @classmethod
    def meant_empty(cls) -> frozenset[str]:
        """The variables that say something by being empty, such as `FILE_CLEANUP_DAYS=`: never."""
        return frozenset(
            f"{group.model_config.get('env_prefix', '')}{name}".upper()
            for group in GROUPS.values()
            for name in group.meant_empty
        )

    @classmethod
    def from_environment(cls, *, env_file: str | None = ENV_FILE) -> Settings:
        """Read all groups at once, so that the operator sees everything that is wrong in one go.

        Args:
            env_file: read below the environment; None where that has been done already.

        Raises:
            ConfigurationError: with one line a variable: its name and what would be right.
        """
        values: dict[str, Any] = {}
        problems: list[str] = []
        for name, group in GROUPS.items():
            try:
                values[name] = group(_env_file=env_file)
            except ValidationError as error:
                problems += readable(error, prefix=group.model_config.get("env_prefix", ""))
        if problems:
            raise ConfigurationError("\n".join(problems))
        return cls(**values)

    @property
    def signing_secret(self) -> bytes | None:
        """What our own cursors and addresses are signed with; None where the registry keeps a random secret for that.

        No other credential takes its place: whoever holds a cursor could try passwords against it.
        """
        given = self.auth.signing_secret
        return None if given is None else given.get_secret_value().encode()

    @property
    def hosts(self) -> frozenset[str]:
        """The names in `Host`, besides those of loopback, under which clients reach the service."""
        public = urlsplit(self.server.public_url or "").hostname
        return frozenset(filter(None, (*self.server.allowed_hosts, public)))

    @property
    def hidden_values(self) -> frozenset[str]:
        """What no log line may show, wherever it comes from: all secrets, and what names the bucket and its key."""
        groups = (getattr(self, name) for name in type(self).model_fields)
        values = [value for group in groups for _, value in group]
        found = {value.get_secret_value() for value in values if isinstance(value, SecretStr)}
        found.add(unquote(urlsplit(self.database.url.get_secret_value()).password or ""))
        store = self.store
        return frozenset(filter(None, (*found, store.bucket_name, store.access_key_id, store.signing_access_key_id)))

    def without_outbox(self) -> Settings:
        """The same for a process that carries out the outbox only where it says so."""
        return self.model_copy(update={"outbox": self.outbox.model_copy(update={"enabled": False})})
