"""What a client is told: where its bytes go and which headers it must send. Signing costs no call to the store."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.core.capabilities.store import StoreCapabilities
from app.core.clock import utc_now
from app.core.exceptions import FieldError, Invalid
from app.core.presign.sigv4 import SignedRequest
from app.core.s3.adapter import S3
from app.modules.files.models import FileStatus, FileUpload, ObjectRole, StoredObject
from app.modules.uploads.exceptions import UploadExpired
from app.modules.uploads.models import UploadMethod, UploadSession
from app.modules.uploads.part_plan import PartPlan

# Others have to be paid for a month at least, or can't be read at once. The copy gets the class that is wanted.
STAGING_CLASS = "STANDARD"


@dataclass(frozen=True)
class Offer:
    """How to send the bytes: one request, a form, or parts that are signed on demand."""

    method: UploadMethod
    expires_at: datetime
    expires_in_seconds: int
    url: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    part_bytes: int | None = None
    part_count: int | None = None


@dataclass(frozen=True)
class SignedPart:
    """Where one part goes."""

    number: int
    request: SignedRequest


class OfferService:
    """Signs what clients get, for exactly what they declared."""

    def __init__(self, s3: S3, capabilities: StoreCapabilities) -> None:
        self._s3 = s3
        self._capabilities = capabilities

    def role_for(self, method: UploadMethod) -> ObjectRole:
        """Where the bytes go first: to the final key only if the URLs can't outlive the upload.

        The URL of a PUT or a form writes to its key until it expires, whatever became of the file, so that key is
        never a file's. The URL of a part dies when its upload is completed or aborted; not so on every store.
        """
        is_sealed = method is UploadMethod.MULTIPART and self._capabilities.current.sealed_multipart
        return ObjectRole.CONTENT if is_sealed else ObjectRole.STAGING

    async def longest_ttl_seconds(self, wanted: int) -> int:
        """`wanted`, or less where the credentials that sign will not live so long."""
        lifetime = await self._s3.credentials_lifetime_seconds()
        return wanted if lifetime is None else max(1, min(wanted, int(lifetime)))

    async def offer(self, file: FileUpload, upload: UploadSession, stored: StoredObject) -> Offer:
        """Sign the way for the whole file; for multipart only the plan is told.

        Raises:
            UploadExpired: no URL could live any more.
        """
        ttl = await self._ttl_seconds(upload)
        if upload.method == UploadMethod.MULTIPART:
            plan = PartPlan(upload.declared_bytes, upload.part_bytes or upload.declared_bytes)
            return Offer(
                UploadMethod.MULTIPART,
                utc_now() + timedelta(seconds=ttl),
                ttl,
                part_bytes=plan.part_bytes,
                part_count=plan.count,
            )
        if upload.method == UploadMethod.POST:
            form = {"Content-Type": file.content_type, **self._s3.write_headers(STAGING_CLASS)}
            url, fields = await self._s3.presign_post(
                stored.key, ttl_seconds=ttl, size_bytes=upload.declared_bytes, fields=form
            )
            return Offer(UploadMethod.POST, utc_now() + timedelta(seconds=ttl), ttl, url=url, fields=fields)
        headers = {
            "Content-Type": file.content_type,
            "Content-Length": str(upload.declared_bytes),
            **self._s3.write_headers(STAGING_CLASS),
        }
        if upload.declared_sha256:
            headers["x-amz-checksum-sha256"] = _base64_of(upload.declared_sha256)
        if self._capabilities.current.conditional_put:
            # One object at a time, however often the URL is used: a bucket that keeps versions would pile them up.
            headers["If-None-Match"] = "*"
        signed = self._s3.presigner.put(stored.key, ttl_seconds=ttl, headers=headers)
        return Offer(UploadMethod.PUT, signed.expires_at, ttl, url=signed.url, headers=signed.headers)

    async def parts(
        self,
        file: FileUpload,
        upload: UploadSession,
        stored: StoredObject,
        numbers: Sequence[int],
        checksums: Mapping[int, str],
    ) -> list[SignedPart]:
        """Sign parts, each for exactly its length and, where given, its SHA-256 in hex.

        Raises:
            Invalid: a number is outside of the plan, or checksums are missing, or come unannounced to a store
                that must have known of them when the upload began.
            UploadExpired: no URL could live any more.
        """
        if upload.method != UploadMethod.MULTIPART:
            detail = "this upload is sent in one request"
            raise Invalid("The parts can't be signed; see errors.", errors=(FieldError("body.part_numbers", detail),))
        if file.status != FileStatus.PENDING or stored.upload_id is None:
            raise UploadExpired("The upload has ended.")
        await self._check_checksums(upload, numbers, checksums)
        ttl = await self._ttl_seconds(upload)
        plan = PartPlan(upload.declared_bytes, upload.part_bytes or upload.declared_bytes)
        prepared = self._s3.presigner.parts(stored.key, stored.upload_id, ttl_seconds=ttl)
        return [
            SignedPart(
                number,
                prepared.url(
                    number,
                    content_length=plan.length_of(number),
                    checksum_sha256=_base64_of(checksums[number]) if number in checksums else None,
                ),
            )
            for number in numbers
        ]

    async def _check_checksums(
        self, upload: UploadSession, numbers: Sequence[int], checksums: Mapping[int, str]
    ) -> None:
        detail = None
        if upload.has_part_checksums:
            missing = [number for number in numbers if number not in checksums]
            if missing:
                detail = f"the upload was begun with part_checksums; part {missing[0]} has none"
        elif checksums and not (await self._capabilities.known()).optional_part_checksums:
            detail = "this store takes them only for an upload that was begun with part_checksums"
        if detail is not None:
            raise Invalid("The parts can't be signed; see errors.", errors=(FieldError("body.checksums", detail),))

    async def _ttl_seconds(self, upload: UploadSession) -> int:
        left = int((upload.expires_at - utc_now()).total_seconds())
        if left < 1:
            raise UploadExpired
        return await self.longest_ttl_seconds(min(upload.url_ttl_seconds, left))


def _base64_of(sha256_hex: str) -> str:
    return base64.b64encode(bytes.fromhex(sha256_hex)).decode()
