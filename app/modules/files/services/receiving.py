"""Takes bytes in from a client, for a new file or an old one: judged while they stream, written part by part."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from hmac import compare_digest

from app.config import MEBIBYTE
from app.core.memory_budget import Room
from app.core.part_memory import PartMemory
from app.modules.files.content import ContentPolicy
from app.modules.files.exceptions import ChecksumMismatch, FileTooLarge
from app.modules.files.models import ChecksumKind
from app.modules.files.s3_service import FileStore, part_size_for
from app.modules.files.services.content_stream import ContentStream
from app.modules.files.services.drafts import FileDraft, VerifiedContent
from app.modules.files.services.reservations import Reservation, Reservations


@dataclass(frozen=True)
class IncomingBytes:
    """Bytes on their way in.

    Args:
        declared_type: their media type, if the client says one.
        least_bytes: how many there are at least, if the client says so.
        most_bytes: how many there are at most, likewise.
        chunks: the bytes.
        room: what the upload holds of the process's memory.
    """

    declared_type: str | None
    least_bytes: int | None
    most_bytes: int | None
    chunks: AsyncIterator[bytes]
    room: Room


class Arriving:
    """Bytes of which the first part is here."""

    def __init__(
        self,
        policy: ContentPolicy,
        declared_type: str | None,
        stream: ContentStream,
        first: PartMemory,
        expected_bytes: int,
    ) -> None:
        self._policy = policy
        self._declared_type = declared_type
        self._expected_bytes = expected_bytes
        self.stream = stream
        self.first = first

    @property
    def most_bytes(self) -> int:
        """How many there may be: all of them if they are here, else what the client says, else what is allowed."""
        return self.stream.size_bytes if self.stream.has_ended else self._expected_bytes

    @property
    def sha256(self) -> str:
        """Of all bytes, in lower-case hex, once they have ended."""
        return self.stream.sha256

    def content(self, fingerprint: str = "") -> VerifiedContent:
        """What is known of them, once they have ended."""
        return VerifiedContent(self.stream.size_bytes, self.sha256, ChecksumKind.STREAMED, fingerprint)

    def content_type_as(self, filename: str) -> str:
        """Their media type under this name: by their head, and by all of them once they have ended."""
        is_final = self.stream.has_ended
        return self._policy.judge(
            filename,
            self._declared_type,
            self.stream.head,
            tail=self.stream.tail if is_final else None,
            size=self.stream.size_bytes if is_final else None,
            middle=self.stream.middle if is_final else None,
            final=is_final,
        )

    def check_sha256(self, expected: str | None) -> None:
        """Compare with what the client gave, once they have ended.

        Raises:
            ChecksumMismatch: these are others.
        """
        if self.stream.has_ended and expected and not compare_digest(expected, self.sha256):
            raise ChecksumMismatch("The bytes that arrived have another SHA-256 than checksum_sha256 says.")


class Receiving:
    """Reads what arrives and writes it to the key that was reserved for it.

    Args:
        reservations: is told of multipart uploads.
        store: where bytes go.
        policy: which are taken.
        max_bytes: how many are taken.
    """

    def __init__(self, reservations: Reservations, store: FileStore, policy: ContentPolicy, max_bytes: int) -> None:
        self._reservations = reservations
        self._store = store
        self._policy = policy
        self._max_bytes = max_bytes

    def check_declared(self, filename: str, incoming: IncomingBytes) -> None:
        """Refuse what can be known to be wrong before the first byte is read."""
        self._policy.check_declared(filename, incoming.declared_type)
        if incoming.least_bytes is not None and incoming.least_bytes > self._max_bytes:
            raise FileTooLarge(f"The file is larger than the {self._max_bytes // MEBIBYTE} MB allowed.")

    async def begin(self, incoming: IncomingBytes) -> Arriving:
        """Read the first part.

        Raises:
            EmptyFile: there is no byte at all.
            FileTooLarge: there are too many.
        """
        expected_bytes = min(self._max_bytes, incoming.most_bytes or self._max_bytes)
        stream = ContentStream(
            incoming.chunks,
            part_bytes=part_size_for(expected_bytes),
            expected_bytes=expected_bytes,
            max_bytes=self._max_bytes,
            room=incoming.room,
        )
        return Arriving(self._policy, incoming.declared_type, stream, await stream.first_part(), expected_bytes)

    async def write(
        self, reservation: Reservation, arriving: Arriving, known: FileDraft, finish: Callable[[], FileDraft]
    ) -> FileDraft:
        """Write all bytes; a large file is judged once more by `finish` before it becomes an object.

        Args:
            reservation: where to.
            arriving: the bytes.
            known: the draft by what has arrived so far; the final one if that is all.
            finish: gives the draft when all have arrived, or refuses them.
        """
        if arriving.stream.has_ended:
            await self._store.put(reservation.target, arriving.first)
            return known
        reservation.may_be_multipart = True
        upload_id = await self._store.begin_multipart(reservation.target)
        await self._reservations.note_multipart(reservation, upload_id)
        stream = arriving.stream
        parts = await self._store.put_parts(
            reservation.target.key,
            upload_id,
            stream.parts_from(arriving.first),
            part_bytes=stream.part_bytes,
            on_sent=stream.let_go,
        )
        final = finish()
        await self._store.complete_multipart(reservation.target.key, upload_id, parts)
        return final

    async def read_only(self, incoming: IncomingBytes) -> str:
        """The SHA-256 of bytes that came before: they are hashed and not stored."""
        stream = ContentStream(
            incoming.chunks,
            part_bytes=MEBIBYTE,
            expected_bytes=self._max_bytes,
            max_bytes=self._max_bytes,
            room=incoming.room,
        )
        async for part in stream.parts_from(await stream.first_part()):
            stream.let_go(part)
        return stream.sha256
