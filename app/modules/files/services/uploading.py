"""Proxied uploads: judged while they stream, written part by part, visible only when all of it is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from app.core.audit import Action
from app.core.exceptions import FieldError, Forbidden, Invalid
from app.modules.auth.principal import Principal, Scope
from app.modules.files.idempotency_key_repository import KeyClaim
from app.modules.files.models import FileUpload
from app.modules.files.names import clean_filename
from app.modules.files.services.drafts import FileDraft, VerifiedContent
from app.modules.files.services.idempotency import fingerprint
from app.modules.files.services.parts import ServiceParts
from app.modules.files.services.purposes import NewFile
from app.modules.files.services.receiving import IncomingBytes, Receiving
from app.modules.files.services.reservations import Reservation


@dataclass(frozen=True)
class UploadDetails:
    """What the client says about its file, besides the bytes."""

    folder: str = ""
    description: str | None = None
    is_public: bool = False
    metadata: dict[str, Any] | None = None
    checksum_sha256: str | None = None
    expires_at: datetime | None = None
    storage_class: str | None = None
    owner_id: str | None = None


@dataclass(frozen=True)
class IncomingFile(IncomingBytes):
    """A file on its way in.

    Args:
        filename: as the client gives it.
        details: what is known besides; asked again after the last byte, since a form may
            bring fields behind the file.
        route: with `idempotency_key`, says which request this is, should it come again.
    """

    filename: str
    details: Callable[[], UploadDetails]
    route: str = ""
    idempotency_key: str | None = None


class UploadService:
    """Takes new files in through the service."""

    def __init__(self, parts: ServiceParts, receiving: Receiving) -> None:
        self._parts = parts
        self._receiving = receiving

    async def upload(self, principal: Principal, incoming: IncomingFile) -> FileUpload:
        """Store one file and enter it into the registry.

        Everything that can be known without the bytes is checked before the first one is read.

        Raises:
            HoldfastError: the file is refused, or a part failed; nothing of it is left.
        """
        owner = principal.require(Scope.WRITE)
        filename = clean_filename(incoming.filename)
        self._receiving.check_declared(filename, incoming)
        _owner_of(principal, owner, incoming.details())

        claim = None
        if incoming.idempotency_key is not None:
            claim = KeyClaim(owner, incoming.route, incoming.idempotency_key)
        if (earlier := await self._parts.keys.earlier(claim)) is not None:
            sha256 = await self._receiving.read_only(incoming)
            return await self._parts.keys.replay(principal, earlier, _fingerprint(filename, incoming.details(), sha256))

        arriving = await self._receiving.begin(incoming)
        known: FileDraft | None = None

        def draft() -> FileDraft:
            details = incoming.details()
            if known is not None and details.storage_class not in {None, known.storage_class}:
                raise _late_storage_class()
            arriving.check_sha256(details.checksum_sha256)
            return FileDraft(
                owner_id=_owner_of(principal, owner, details),
                filename=filename,
                content_type=arriving.content_type_as(filename),
                folder=details.folder,
                description=details.description,
                is_public=details.is_public,
                metadata=details.metadata,
                expires_at=details.expires_at,
                storage_class=details.storage_class or self._parts.settings.storage_class,
            )

        known = before = draft()

        async def write(reservation: Reservation) -> tuple[FileDraft, VerifiedContent]:
            final = await self._receiving.write(reservation, arriving, before, draft)
            said = _fingerprint(filename, incoming.details(), arriving.sha256)
            return final, arriving.content(said)

        purpose = NewFile(principal.actor, Action.UPLOAD)
        return await self._parts.reservations.run(
            before, write, most_bytes=arriving.most_bytes, purpose=purpose, key=claim
        )


def _fingerprint(filename: str, details: UploadDetails, sha256: str) -> str:
    return fingerprint({"filename": filename, **asdict(details), "checksum_sha256": sha256})


def _late_storage_class() -> Invalid:
    """The store was told the class with the first byte."""
    wrong = FieldError("body.storage_class", "must stand before the file when the file is large")
    return Invalid("The form can't be taken; see errors.", errors=(wrong,))


def _owner_of(principal: Principal, owner: str, details: UploadDetails) -> str:
    """Whose the file will be: the caller's, or for admins whom they name."""
    if details.owner_id is None or details.owner_id == owner:
        return owner
    if not principal.is_admin:
        raise Forbidden("Only callers with the scope files:admin may give another owner_id.")
    return details.owner_id
