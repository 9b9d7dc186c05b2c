"""Wrong values are named, all at once, with what would be right; secrets are never shown."""

from __future__ import annotations

import pytest

from tests.support.settings import NEEDED, complaint

# Variable, wrong value, a word that says what would be right.
WRONG = [
    ("S3_BUCKET_NAME", "My_Bucket", "pattern"),
    ("S3_KEY_PREFIX", "../up", "segments"),
    ("S3_ENDPOINT_URL", "minio:9000", "http"),
    ("S3_ENDPOINT_URL", "ftp://minio", "http"),
    ("S3_ENDPOINT_URL", "http://minio:9000/bucket", "without path"),
    ("S3_ENDPOINT_URL", "http://minio:port", "http"),
    ("S3_PUBLIC_ENDPOINT_URL", "files.example.com", "http"),
    ("S3_USE_SSL", "perhaps", "boolean"),
    ("S3_ADDRESSING_STYLE", "bucket", "'auto', 'path' or 'virtual'"),
    ("S3_MAX_FILE_SIZE_MB", "0", "greater than or equal to 1"),
    ("S3_MAX_FILE_SIZE_MB", "100MB", "integer"),
    ("S3_ALLOWED_EXTENSIONS", '["pdf"', "commas between them"),
    ("S3_ALLOWED_EXTENSIONS", "[1]", "string"),
    ("S3_FOLDER_STRUCTURE", "{week}", "{year}, {month}, {day}, {hour}"),
    ("S3_FOLDER_STRUCTURE", "../{year}", "{year}"),
    ("S3_PRESIGNED_URL_EXPIRY", "604801", "less than or equal to 604800"),
    ("S3_PRESIGNED_URL_EXPIRY", "86401", "S3_PRESIGNED_URL_EXPIRY is more than S3_PRESIGNED_URL_MAX_EXPIRY"),
    ("S3_PRESIGNED_URL_MAX_EXPIRY", "604801", "less than or equal to 604800"),
    ("S3_PRESIGNED_URL_MAX_EXPIRY", "60", "S3_PRESIGNED_URL_EXPIRY is more than S3_PRESIGNED_URL_MAX_EXPIRY=60"),
    ("S3_PRESIGNED_URL_MAX_EXPIRY_SHARED", "86401", "S3_PRESIGNED_URL_MAX_EXPIRY_SHARED is more than"),
    ("S3_PRESIGNED_URL_EXPIRY", "0", "greater than or equal to 1"),
    ("S3_DOWNLOAD_URL_EXPIRY", "-1", "greater than or equal to 1"),
    ("S3_CHECKSUMS", "crc32", "'auto', 'required' or 'supported'"),
    ("S3_CONNECT_TIMEOUT_SECONDS", "0", "greater than 0"),
    ("S3_MAX_CONCURRENCY", "0", "greater than or equal to 1"),
    ("DATABASE_URL", "mysql://u:hunter2@db/x", "postgresql+asyncpg://"),
    ("DATABASE_URL", "postgresql+psycopg://u:hunter2@db/x", "postgresql+asyncpg://"),
    ("DATABASE_URL", "postgresql://u:hunter2/@db/x", "postgresql+asyncpg://"),
    ("DATABASE_URL", "postgresql://db:port/x", "postgresql+asyncpg://"),
    ("API_V1_PREFIX", "api/", "pattern"),
    ("PUBLIC_URL", "files.example.com", "http"),
    ("PUBLIC_URL", "https://files.example.com/files", "without path"),
    ("LOG_LEVEL", "LOUD", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
    ("LOG_FORMAT", "xml", "'console' or 'json'"),
    ("PORT", "70000", "less than or equal to 65535"),
    ("AUTH_JWT_SECRET", "hunter2", "32 bytes"),
    ("AUTH_SIGNING_SECRET", "hunter2", "32 bytes"),
    ("AUTH_JWKS_URL", "http://login.example.com/keys", "https"),
    ("AUTH_JWKS_URL", "file:///etc/keys.json", "https"),
    ("AUTH_JWKS_URL", "login.example.com/keys", "https"),
    ("AUTH_JWKS_URL", "https://user:hunter2@login.example.com/keys", "https"),
    ("AUTH_JWKS_URL", "https://login.example.com:port/keys", "https"),
    ("AUTH_JWKS_URL", "https://login.example.com/a b", "https"),
    ("AUTH_JWKS_URL", "https://login.example.com/keys", "set one of them"),
    ("AUTH_JWKS_RETRY_SECONDS", "0", "greater than 0"),
    ("S3_ACCESS_KEY_ID", "AKIA", "S3_SECRET_ACCESS_KEY"),
    ("S3_SECRET_ACCESS_KEY", "hunter2", "S3_ACCESS_KEY_ID"),
    ("S3_KMS_KEY_ID", "arn:aws:kms:1", "S3_ENCRYPT_AT_REST=true"),
    ("UPLOAD_LEASE_SECONDS", "0", "greater than or equal to 1"),
    ("AUDIT_RETENTION_DAYS", "0", "greater than or equal to 1"),
    ("BODY_TIMEOUT_SECONDS", "0", "greater than 0"),
    ("BODY_BUFFER_MAX_MB", "7", "greater than or equal to 8"),
    ("UPLOADS_MAX_CONCURRENT", "0", "greater than or equal to 1"),
    ("BATCHES_MAX_CONCURRENT", "0", "greater than or equal to 1"),
    ("RATE_LIMIT_IDS", "many", "600/minute"),
    ("RATE_LIMIT_IDS", "20000/minute;9999/second", "at least 10000"),
    ("UPLOAD_MEMORY_MB", "8", "greater than or equal to 16"),
    ("DOWNLOADS_MAX_CONCURRENT", "0", "greater than or equal to 1"),
    ("DOWNLOAD_IDLE_TIMEOUT_SECONDS", "0", "greater than 0"),
    ("DOWNLOAD_MEMORY_MB", "0", "greater than or equal to 1"),
    ("RATE_LIMIT", "many", "600/minute"),
    ("RATE_LIMIT", "600", "600/minute"),
    ("RATE_LIMIT", "600/fortnight", "600/minute"),
    ("RATE_LIMIT", "600/minute;", "600/minute"),
    ("RATE_LIMIT", "0/minute", "at least 1"),
    ("RATE_LIMIT", "9999999999/minute", "at most"),
    ("RATE_LIMIT_STORAGE_URL", "http://:hunter2@redis", "rediss://"),
    ("RATE_LIMIT_STORAGE_URL", "memcached://hunter2", "rediss://"),
    ("RATE_LIMIT_STORAGE_URL", "redis://", "rediss://"),
    ("RATE_LIMIT_STORAGE_URL", "redis://:hunter2@redis:port", "rediss://"),
    ("RATE_LIMIT_STORAGE_URL", "redis://:hunter2/@redis/0", "percent-encoded"),
    ("RATE_LIMIT_STORAGE_URL", "redis://redis/hunter2", "rediss://"),
    ("RATE_LIMIT_STORAGE_URL", "redis://redis?hunter2=1", "rediss://"),
    ("RATE_LIMIT_STORAGE_URL", "rediss://redis?db=1", "rediss://"),
    ("FORWARDED_ALLOW_IPS", "*", "believe anybody"),
    ("FORWARDED_ALLOW_IPS", "10.0.0.7/8", "networks"),
    ("FORWARDED_ALLOW_IPS", "proxy.internal", "networks"),
    ("AUTH_GROUPS_SEPARATOR", "|", "'space' or 'comma'"),
    ("ALLOWED_HOSTS", "*", "every name"),
    ("ALLOWED_HOSTS", "*.com", "every name"),
    ("ALLOWED_HOSTS", "files.example.com:8000", "without scheme and port"),
    ("ALLOWED_HOSTS", "https://files.example.com", "without scheme and port"),
    ("CORS_ORIGINS", "*", "name each origin"),
    ("CORS_ORIGINS", "null", "name each origin"),
    ("CORS_ORIGINS", "https://a.test,*", "name each origin"),
    ("CORS_ORIGINS", "https://*", "name each origin"),
    ("CORS_ORIGINS", "https://*.com", "name each origin"),
    ("CORS_ORIGINS", "https://app.*.com", "name each origin"),
    ("CORS_ORIGINS", "https://app.example.com/", "without a path"),
    ("CORS_ORIGINS", "app.example.com", "name each origin"),
    ("CORS_ORIGINS", "file://", "name each origin"),
    ("QUOTA_MAX_BYTES", "-1", "greater than or equal to 0"),
    ("QUOTA_MAX_BYTES", "1 GB", "integer"),
    ("QUOTA_MAX_FILES", "-1", "greater than or equal to 0"),
]


@pytest.mark.parametrize(("variable", "value", "hint"), WRONG)
def test_a_wrong_value_is_refused_with_the_name_and_what_would_be_right(environ, variable, value, hint):
    environ.setenv(variable, value)
    said = complaint()
    assert variable in said
    assert hint in said
    assert "hunter2" not in said
    assert "Traceback" not in said


def test_everything_that_is_wrong_is_said_at_once(environ):
    environ.delenv("S3_BUCKET_NAME")
    environ.delenv("DATABASE_URL")
    environ.setenv("PORT", "many")
    environ.setenv("S3_REGION", "eu-west-1")
    lines = complaint().splitlines()
    assert {line.split()[0].rstrip(":") for line in lines} == {"S3_BUCKET_NAME", "DATABASE_URL", "PORT"}


@pytest.mark.parametrize("variable", NEEDED)
@pytest.mark.parametrize("value", [None, ""])
def test_what_has_no_default_must_be_set(environ, variable, value):
    environ.delenv(variable) if value is None else environ.setenv(variable, value)
    assert f"{variable} is not set" in complaint()
