"""The bucket's settings."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from app.config.group import SettingsGroup, group_of
from app.config.values import MEBIBYTE, ExpirySeconds, HttpAddress, parse_json, split_words, words_of

KEY_PREFIX_MAX_BYTES = 256


class StoreSettings(SettingsGroup):
    """The bucket, how to reach it, what may be put into it and under which key (`S3_*`)."""

    model_config = group_of("S3_")
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
    presigned_url_max_expiry: ExpirySeconds = 86_400
    presigned_url_max_expiry_shared: ExpirySeconds = 3600
    download_url_expiry: ExpirySeconds = 300
    encrypt_at_rest: bool = False
    kms_key_id: str | None = None
    storage_class: str = "STANDARD"
    checksums: Literal["auto", "required", "supported"] = "auto"
    # Above it objects are copied by parts; no store copies more than 5 GiB in one request.
    copy_limit_mb: Annotated[int, Field(ge=1, le=5120)] = 5120

    # What the store keeps, where the operator knows better than the service's own trials.
    capabilities: Annotated[dict[str, bool], NoDecode] = {}  # noqa: RUF012 -- pydantic copies defaults

    connect_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 3.0
    read_timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    max_concurrency: Annotated[int, Field(ge=1, le=512)] = 32

    @field_validator("allowed_extensions", "allowed_mime_types", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        return split_words(value)

    @field_validator("capabilities", mode="before")
    @classmethod
    def _flags(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value.strip().startswith("{"):
            return parse_json(value, 'give name=true,name=false or a JSON object such as {"post_policy": false}')
        return {name: flag for name, _, flag in (item.partition("=") for item in words_of(value))}

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
        longest = self.presigned_url_max_expiry
        for name in ("presigned_url_expiry", "download_url_expiry", "presigned_url_max_expiry_shared"):
            if getattr(self, name) > longest:
                message = f"S3_{name.upper()} is more than S3_PRESIGNED_URL_MAX_EXPIRY={longest} allows: raise that too"
                raise ValueError(message)
        if self.kms_key_id and not self.encrypt_at_rest:
            message = "S3_KMS_KEY_ID has no effect without S3_ENCRYPT_AT_REST=true"
            raise ValueError(message)
        return self

    @property
    def max_file_size_bytes(self) -> int:
        """The limit of one file."""
        return self.max_file_size_mb * MEBIBYTE

    def longest_url_seconds(self, wanted: int, *, is_owner: bool) -> int:
        """How long a URL may live: as long as is wanted, but no longer than whoever asks for it may have it."""
        shared = self.presigned_url_max_expiry if is_owner else self.presigned_url_max_expiry_shared
        return min(wanted, self.presigned_url_max_expiry, shared)

    @property
    def copy_limit_bytes(self) -> int:
        """The largest object that is copied in one request."""
        return self.copy_limit_mb * MEBIBYTE

    @property
    def wants_checksum_headers(self) -> bool:
        """Whether boto3 adds its CRC headers; many stores other than AWS refuse or even store them."""
        return self.checksums == "supported" or (self.checksums == "auto" and self.endpoint_url is None)
