"""Settings: every value the service can be told from outside, read once and passed in.

Each group reads the environment variables of its prefix (and `.env`), so that a variable is named
once: the field `max_file_size_mb` of `StoreSettings` is `S3_MAX_FILE_SIZE_MB`.
"""

from app.config.group import ENV_FILE, ConfigurationError
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
from app.config.settings import Settings
from app.config.store import StoreSettings
from app.config.values import MEBIBYTE, SIGV4_MAX_EXPIRY_SECONDS, asyncpg_url

__all__ = [
    "ENV_FILE",
    "MEBIBYTE",
    "SIGV4_MAX_EXPIRY_SECONDS",
    "AuthSettings",
    "BodySettings",
    "ConfigurationError",
    "DatabaseSettings",
    "DownloadSettings",
    "MaintenanceSettings",
    "OutboxSettings",
    "QuotaSettings",
    "RateSettings",
    "ServerSettings",
    "Settings",
    "StoreSettings",
    "UploadSettings",
    "VerifySettings",
    "asyncpg_url",
]
