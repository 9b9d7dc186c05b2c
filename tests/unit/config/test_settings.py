"""Settings: each variable by its name, wherever it stands, and what an empty one means."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.cli.environment import found_environment
from app.config import Settings, asyncpg_url
from tests.support.settings import NEEDED, SECRET, complaint, found

# Variable, value, where it is found, as what.
VARIABLES = [
    ("S3_BUCKET_NAME", "my.files-1", "store.bucket_name", "my.files-1"),
    ("S3_KEY_PREFIX", "/tenants/acme/", "store.key_prefix", "tenants/acme/"),
    ("S3_REGION", "eu-west-1", "store.region", "eu-west-1"),
    ("S3_ENDPOINT_URL", "http://minio:9000/", "store.endpoint_url", "http://minio:9000"),
    ("S3_PUBLIC_ENDPOINT_URL", "https://files.example.com", "store.public_endpoint_url", "https://files.example.com"),
    ("S3_USE_SSL", "false", "store.use_ssl", False),
    ("S3_VERIFY_SSL", "false", "store.verify_ssl", False),
    ("S3_ADDRESSING_STYLE", "virtual", "store.addressing_style", "virtual"),
    ("S3_MAX_FILE_SIZE_MB", "512", "store.max_file_size_bytes", 512 * 1_048_576),
    ("S3_ALLOWED_EXTENSIONS", "PDF, .docx,pdf", "store.allowed_extensions", ("pdf", "docx")),
    ("S3_ALLOWED_EXTENSIONS", '["pdf", "docx"]', "store.allowed_extensions", ("pdf", "docx")),
    ("S3_ALLOWED_MIME_TYPES", "text/csv, image/png", "store.allowed_mime_types", ("text/csv", "image/png")),
    ("S3_USE_UUID_PREFIX", "false", "store.use_uuid_prefix", False),
    ("S3_PRESERVE_FILENAME", "0", "store.preserve_filename", False),
    ("S3_FOLDER_STRUCTURE", "/in/{year}-{month}/{hour}/", "store.folder_structure", "in/{year}-{month}/{hour}"),
    ("S3_PRESIGNED_URL_EXPIRY", "86400", "store.presigned_url_expiry", 86_400),
    ("S3_PRESIGNED_URL_MAX_EXPIRY", "604800", "store.presigned_url_max_expiry", 604_800),
    ("S3_PRESIGNED_URL_MAX_EXPIRY_SHARED", "60", "store.presigned_url_max_expiry_shared", 60),
    ("S3_DOWNLOAD_URL_EXPIRY", "60", "store.download_url_expiry", 60),
    ("S3_ENCRYPT_AT_REST", "yes", "store.encrypt_at_rest", True),
    ("S3_STORAGE_CLASS", "STANDARD_IA", "store.storage_class", "STANDARD_IA"),
    ("S3_CHECKSUMS", "supported", "store.checksums", "supported"),
    ("S3_COPY_LIMIT_MB", "64", "store.copy_limit_bytes", 64 * 1_048_576),
    ("S3_CONNECT_TIMEOUT_SECONDS", "1.5", "store.connect_timeout_seconds", 1.5),
    ("S3_READ_TIMEOUT_SECONDS", "12", "store.read_timeout_seconds", 12.0),
    ("S3_MAX_CONCURRENCY", "8", "store.max_concurrency", 8),
    ("API_V1_PREFIX", "/v1", "server.api_v1_prefix", "/v1"),
    ("PUBLIC_URL", "https://files.example.com/", "server.public_url", "https://files.example.com"),
    ("CORS_ORIGINS", "https://a.test, http://b.test", "server.cors_origins", ("https://a.test", "http://b.test")),
    ("ALLOWED_HOSTS", "Files.internal, *.example.com,[::1]", "server.allowed_hosts",
     ("files.internal", "*.example.com", "::1")),
    ("LOG_LEVEL", "debug", "server.log_level", "DEBUG"),
    ("LOG_FORMAT", "console", "server.log_format", "console"),
    ("DEBUG", "true", "server.debug", True),
    ("HOST", "0.0.0.0", "server.host", "0.0.0.0"),
    ("PORT", "9000", "server.port", 9000),
    ("DATA_DIR", "/srv/holdfast", "server.data_dir", Path("/srv/holdfast")),
    ("AUTH_ENABLED", "false", "auth.enabled", False),
    ("AUTH_ISSUER", "https://login.example.com", "auth.issuer", "https://login.example.com"),
    ("AUTH_AUDIENCE", "holdfast", "auth.audience", "holdfast"),
    ("AUTH_GROUPS_CLAIM", "https://example.com/teams", "auth.groups_claim", "https://example.com/teams"),
    ("AUTH_GROUPS_SEPARATOR", "comma", "auth.groups_separator_text", ","),
    ("AUTH_JWKS_REFRESH_SECONDS", "60", "auth.jwks_refresh_seconds", 60.0),
    ("AUTH_JWKS_RETRY_SECONDS", "5", "auth.jwks_retry_seconds", 5.0),
    ("AUTH_JWKS_MAX_AGE_SECONDS", "7200", "auth.jwks_max_age_seconds", 7200.0),
    ("AUTH_JWKS_TIMEOUT_SECONDS", "2", "auth.jwks_timeout_seconds", 2.0),
    ("UPLOAD_LEASE_SECONDS", "90", "upload.lease_seconds", 90.0),
    ("QUOTA_MAX_BYTES", "1073741824", "quota.max_bytes", 1_073_741_824),
    ("QUOTA_MAX_FILES", "0", "quota.max_files", 0),
    ("MAINTENANCE_INTERVAL_SECONDS", "0", "maintenance.maintenance_interval_seconds", 0.0),
    ("RECONCILE_GRACE_SECONDS", "60", "maintenance.reconcile_grace_seconds", 60.0),
    ("FILE_CLEANUP_DAYS", "0", "maintenance.file_cleanup_days", 0),
    ("FILE_CLEANUP_DAYS", "", "maintenance.file_cleanup_days", None),
    ("API_KEY_CLEANUP_DAYS", "1", "maintenance.api_key_cleanup_days", 1),
    ("API_KEY_CLEANUP_DAYS", "", "maintenance.api_key_cleanup_days", None),
    ("QUARANTINE_DAYS", "1", "maintenance.quarantine_days", 1),
    ("AUDIT_RETENTION_DAYS", "90", "maintenance.audit_retention_days", 90),
    ("AUDIT_RETENTION_DAYS", "", "maintenance.audit_retention_days", None),
    ("SCRUB_MB_PER_SECOND", "0.5", "maintenance.scrub_mb_per_second", 0.5),
    ("SCRUB_INTERVAL_DAYS", "7", "maintenance.scrub_interval_days", 7),
    ("RATE_LIMIT", "20/second; 5 per 2 hours", "rates.rate_limit", "20/second; 5 per 2 hours"),
    ("RATE_LIMIT", "", "rates.rate_limit", ""),
    ("BODY_TIMEOUT_SECONDS", "2.5", "body.timeout_seconds", 2.5),
    ("BODY_BUFFER_MAX_MB", "128", "body.buffer_max_mb", 128),
    ("BODY_BUFFER_MAX_MB_PER_CALLER", "8", "body.buffer_max_mb_per_caller", 8),
    ("RATE_LIMIT_IDS", "20000/hour", "rates.rate_limit_ids", "20000/hour"),
    ("RATE_LIMIT_IDS", "", "rates.rate_limit_ids", ""),
    ("BATCHES_MAX_CONCURRENT", "3", "rates.batches_max_concurrent", 3),
    ("UPLOADS_MAX_CONCURRENT", "3", "rates.uploads_max_concurrent", 3),
    ("UPLOAD_MEMORY_MB", "64", "upload.memory_mb", 64),
    ("DOWNLOADS_MAX_CONCURRENT", "3", "rates.downloads_max_concurrent", 3),
    ("DOWNLOAD_IDLE_TIMEOUT_SECONDS", "5", "download.idle_timeout_seconds", 5.0),
    ("DOWNLOAD_MIN_BYTES_PER_SECOND", "0", "download.min_bytes_per_second", 0),
    ("DOWNLOAD_MEMORY_MB", "16", "download.memory_mb", 16),
    ("FORWARDED_ALLOW_IPS", "10.0.0.7, fd00::/8", "server.forwarded_allow_ips", ("10.0.0.7", "fd00::/8")),
    ("CORS_ORIGINS", "https://*.a.test,http://[::1]:*", "server.cors_origins", ("https://*.a.test", "http://[::1]:*")),
]  # fmt: skip
MEANT_EMPTY = {
    "S3_FOLDER_STRUCTURE",
    "FILE_CLEANUP_DAYS",
    "API_KEY_CLEANUP_DAYS",
    "AUDIT_RETENTION_DAYS",
    "RATE_LIMIT",
    "RATE_LIMIT_IDS",
}


@pytest.mark.parametrize(("variable", "value", "path", "expected"), VARIABLES)
def test_each_variable_sets_what_it_names(environ, variable, value, path, expected):
    assert found(path) != expected or (variable, value) == ("S3_USE_SSL", "true")
    environ.setenv(variable, value)
    assert found(path) == expected


@pytest.mark.parametrize(
    ("variable", "path"),
    [
        ("S3_SECRET_ACCESS_KEY", "store.secret_access_key"),
        ("S3_SESSION_TOKEN", "store.session_token"),
        ("AUTH_JWT_SECRET", "auth.jwt_secret"),
        ("AUTH_SIGNING_SECRET", "auth.signing_secret"),
        ("DATABASE_URL", "database.url"),
        ("RATE_LIMIT_STORAGE_URL", "rates.rate_limit_storage_url"),
    ],
)
def test_a_secret_is_taken_but_never_shown(environ, variable, path):
    addresses = {
        "DATABASE_URL": "postgresql+asyncpg://u:hunter2@db/x",
        "RATE_LIMIT_STORAGE_URL": "rediss://:hunter2@redis:6380/1?ssl_ca_certs=/etc/ca.pem",
    }
    secret = addresses.get(variable, "hunter2" * 8)
    environ.setenv("S3_ACCESS_KEY_ID", "AKIAEXAMPLE")
    environ.setenv("S3_SECRET_ACCESS_KEY", "hunter2")
    environ.setenv(variable, secret)
    assert found(path).get_secret_value() == secret
    settings = Settings.from_environment()
    shown = f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"
    assert "hunter2" not in shown


def test_what_is_meant_empty_in_the_file_stays_so_for_the_embedded_parts(environ, tmp_path):
    """Taken for unset, `FILE_CLEANUP_DAYS=` would delete after 30 days what was to be kept for ever."""
    (tmp_path / ".env").write_text("FILE_CLEANUP_DAYS=\nS3_BUCKET_NAME=\n")
    for name in ("FILE_CLEANUP_DAYS", "S3_BUCKET_NAME"):
        environ.delenv(name, raising=False)
    found = found_environment()
    assert found["FILE_CLEANUP_DAYS"] == ""
    assert "S3_BUCKET_NAME" not in found


def test_every_secret_is_hidden_from_the_log_and_so_is_what_names_the_bucket(environ):
    """Cases 21 and 96."""
    said = {
        "S3_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "S3_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
        "S3_SESSION_TOKEN": "session-token",
    }
    for name, value in said.items():
        environ.setenv(name, value)
    assert {*said.values(), SECRET, "hunter2", "files"} <= Settings.from_environment().hidden_values


def test_the_key_of_a_customer_is_taken_with_encryption(environ):
    environ.setenv("S3_ENCRYPT_AT_REST", "true")
    environ.setenv("S3_KMS_KEY_ID", "arn:aws:kms:1")
    assert found("store.kms_key_id") == "arn:aws:kms:1"


@pytest.mark.parametrize(
    ("variable", "path"),
    [(variable, path) for variable, _, path, _ in VARIABLES if variable not in {*NEEDED, *MEANT_EMPTY}],
)
def test_an_empty_value_is_no_value(environ, variable, path):
    default = found(path)
    environ.setenv(variable, "")
    assert found(path) == default


def test_sign_in_may_be_off_without_a_secret(environ):
    environ.delenv("AUTH_JWT_SECRET")
    environ.setenv("AUTH_ENABLED", "false")
    assert found("auth.jwt_secret") is None


@pytest.mark.parametrize(
    "url", ["https://login.example.com/keys?v=1", "http://127.0.0.1:9000/keys", "http://[::1]/k", "http://localhost/k"]
)
def test_a_provider_takes_the_place_of_the_secret(environ, url):
    environ.delenv("AUTH_JWT_SECRET")
    environ.setenv("AUTH_JWKS_URL", url)
    assert found("auth.jwks_url") == url
    environ.setenv("AUTH_JWKS_MAX_AGE_SECONDS", "10")
    assert "AUTH_JWKS_MAX_AGE_SECONDS" in complaint()


def test_our_own_signatures_are_never_made_with_another_credential(environ):
    assert Settings.from_environment().signing_secret is None
    environ.setenv("AUTH_SIGNING_SECRET", SECRET[::-1])
    assert Settings.from_environment().signing_secret == SECRET[::-1].encode()


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("postgresql://u:p@h:5432/d", "postgresql+asyncpg://u:p@h:5432/d"),
        ("postgres://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgresql+asyncpg://u:p@h/d", "postgresql+asyncpg://u:p@h/d"),
        ("postgresql://u:p@h/d?sslmode=require", "postgresql+asyncpg://u:p@h/d?ssl=require"),
        ("postgresql://u:p%25%40%3A%2F@h/d", "postgresql+asyncpg://u:p%25%40%3A%2F@h/d"),
        ("postgresql://u@[::1]:5432/d", "postgresql+asyncpg://u@[::1]:5432/d"),
        ("postgresql:///d?host=/run/postgresql", "postgresql+asyncpg:///d?host=%2Frun%2Fpostgresql"),
    ],
)
def test_a_database_address_is_taken_as_people_paste_it(given, taken):
    """Case 83: an encoded password stays encoded."""
    assert asyncpg_url(given) == taken


def test_limits_are_each_taken_once_shortest_first(environ):
    environ.setenv("RATE_LIMIT", "600/minute;20/second;600 per minute")
    assert [str(window) for window in found("rates.windows")] == ["20 per 1 second", "600 per 1 minute"]


def test_by_default_a_caller_has_a_limit():
    assert [str(window) for window in found("rates.windows")] == ["600 per 1 minute"]


def test_settings_can_not_be_changed():
    settings = Settings.from_environment()
    for target, name in ((settings, "store"), (settings.store, "region"), (settings.auth, "enabled")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(target, name, getattr(target, name))


def test_a_dotenv_file_is_read_and_the_shell_wins(environ, tmp_path):
    (tmp_path / ".env").write_text("S3_REGION=eu-north-1\nPORT=1\nUNKNOWN=x\n")
    environ.setenv("PORT", "2")
    assert (found("store.region"), found("server.port")) == ("eu-north-1", 2)


def test_other_stores_than_aws_get_no_checksum_headers_by_themselves(environ):
    """Case 15."""
    assert found("store.wants_checksum_headers") is True
    environ.setenv("S3_ENDPOINT_URL", "http://minio:9000")
    assert found("store.wants_checksum_headers") is False


def test_the_example_file_names_every_variable():
    example = (Path(__file__).parents[3] / ".env.example").read_text()
    named = set(re.findall(r"^#?\s*([A-Z][A-Z0-9_]+)=", example, flags=re.MULTILINE))
    secrets = {
        "AUTH_JWKS_URL",
        "AUTH_SIGNING_SECRET",
        "RATE_LIMIT_STORAGE_URL",
        "S3_ACCESS_KEY_ID",
        "S3_SECRET_ACCESS_KEY",
        "S3_SESSION_TOKEN",
        "S3_KMS_KEY_ID",
    }
    assert {variable for variable, *_ in VARIABLES} | NEEDED.keys() | secrets <= named
