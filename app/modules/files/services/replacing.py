"""New bytes under the id of a file that has some: readable as it was until the flip, which nothing can undo halfway."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from app.core.audit import Action
from app.modules.auth.principal import Principal
from app.modules.files.models import FileUpload
from app.modules.files.repository import FileRepository
from app.modules.files.services.drafts import FileDraft, VerifiedContent
from app.modules.files.services.parts import ServiceParts
from app.modules.files.services.purposes import Replacement
from app.modules.files.services.receiving import IncomingBytes, Receiving
from app.modules.files.services.records import changeable, require_available, require_version
from app.modules.files.services.reservations import Reservation


class ReplaceService:
    """Gives files other bytes. Each time they go to a key of their own, as those of a new file do."""

    def __init__(self, parts: ServiceParts, receiving: Receiving) -> None:
        self._parts = parts
        self._receiving = receiving

    async def replace(
        self,
        principal: Principal,
        file_id: UUID,
        incoming: IncomingBytes,
        *,
        checksum_sha256: str | None,
        if_match: str | None,
    ) -> FileUpload:
        """Store the bytes, then let them be the file's; name, folder and everything else stay.

        What is known of the file is checked before the first byte is read, and again at the flip: meanwhile
        it may have been changed, deleted, or given other bytes. Of two replacements at once the later flip stays.

        Raises:
            FileNotAvailable: the file has no bytes that could be replaced, or was deleted meanwhile.
            PreconditionFailed: the record isn't the one of `if_match`, at the beginning or at the end.
            QuotaExceeded: there is no room for old and new bytes together.
            HoldfastError: the bytes are refused, or a part failed; the file keeps those that it has.
        """
        async with self._parts.attempt(principal, Action.REPLACE, file_id) as session:
            file = await changeable(FileRepository(session), principal, file_id, if_match)
            require_available(file)
        self._receiving.check_declared(file.filename, incoming)
        arriving = await self._receiving.begin(incoming)

        def draft() -> FileDraft:
            arriving.check_sha256(checksum_sha256)
            return replace(FileDraft.of(file), content_type=arriving.content_type_as(file.filename))

        known = draft()

        async def write(reservation: Reservation) -> tuple[FileDraft, VerifiedContent]:
            final = await self._receiving.write(reservation, arriving, known, draft)
            return final, arriving.content()

        def accept(current: FileUpload) -> str:
            require_version(current, if_match)
            require_available(current)
            # It may have been renamed while the bytes came.
            return arriving.content_type_as(current.filename)

        purpose = Replacement(file_id, principal, accept)
        return await self._parts.reservations.run(known, write, most_bytes=arriving.most_bytes, purpose=purpose)
