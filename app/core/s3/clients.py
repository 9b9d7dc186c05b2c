"""The boto3 clients of a process: one that talks to the store, and those that only sign for others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from app.config import ConfigurationError, StoreSettings
from app.core.s3.errors import answer_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from pydantic import SecretStr

ATTEMPTS = 3


@dataclass(frozen=True)
class Clients:
    """What was made of the settings.

    Args:
        session: has the credentials that the service itself uses.
        server: talks to the store.
        signer: signs downloads for the host that clients reach; it connects to nothing.
        upload_signer: likewise for what clients upload, perhaps by a key that can do nothing else.
    """

    session: boto3.Session
    server: S3Client
    signer: S3Client
    upload_signer: S3Client


def make_clients(settings: StoreSettings, *, connections: int) -> Clients:
    """All clients, once for the life of the process; `connections` is how many are kept open at most.

    Raises:
        ConfigurationError: there are no credentials, or they would not sign with SigV4.
    """
    session = boto3.Session(
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=_secret(settings.secret_access_key),
        aws_session_token=_secret(settings.session_token),
        region_name=settings.region,
    )
    config = _config(settings, connections)
    public_url = settings.public_endpoint_url or settings.endpoint_url
    signer = upload_signer = _client(session, settings, config, public_url)
    _require_sigv4(signer, settings.bucket_name)
    if settings.signing_access_key_id:
        narrow = boto3.Session(
            aws_access_key_id=settings.signing_access_key_id,
            aws_secret_access_key=_secret(settings.signing_secret_access_key),
            region_name=settings.region,
        )
        upload_signer = _client(narrow, settings, config, public_url)
    return Clients(session, _client(session, settings, config, settings.endpoint_url), signer, upload_signer)


def _client(session: boto3.Session, settings: StoreSettings, config: Config, endpoint_url: str | None) -> S3Client:
    # True would switch AWS_CA_BUNDLE off; None leaves it to boto3's own settings.
    verify = None if settings.verify_ssl else False
    client: S3Client = session.client(
        "s3", endpoint_url=endpoint_url, config=config, use_ssl=settings.use_ssl, verify=verify
    )
    return client


def _config(settings: StoreSettings, connections: int) -> Config:
    style = settings.addressing_style
    if style == "auto":
        # A dotted bucket would break the TLS wildcard; other stores rarely resolve bucket.host.
        style = "path" if settings.endpoint_url or "." in settings.bucket_name else "virtual"
    mode = "when_supported" if settings.wants_checksum_headers else "when_required"
    return Config(
        signature_version="s3v4",
        s3={"addressing_style": style},
        connect_timeout=settings.connect_timeout_seconds,
        read_timeout=settings.read_timeout_seconds,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=connections,
        request_checksum_calculation=mode,
        response_checksum_validation=mode,
        user_agent_appid="holdfast",
    )


def _require_sigv4(signer: S3Client, bucket: str) -> None:
    """boto3 falls back to SigV2 in silence, which drops signed headers; refuse to start then."""
    try:
        url = signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "probe"})
    except BotoCoreError as error:
        message = f"no usable S3 credentials ({answer_code(error)}): set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY"
        raise ConfigurationError(message) from error
    if "X-Amz-Algorithm=AWS4-HMAC-SHA256" not in url:
        message = "boto3 does not sign with SigV4 here; check S3_REGION and S3_ENDPOINT_URL"
        raise ConfigurationError(message)


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()
