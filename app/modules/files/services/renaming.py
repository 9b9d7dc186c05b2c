"""Whether verified bytes may bear another name: judged as an upload under that name would be."""

from __future__ import annotations

from app.core.s3.errors import ObjectChanged, ObjectNotFound
from app.modules.files.content import ContentPolicy
from app.modules.files.exceptions import FileNotAvailable
from app.modules.files.models import FileUpload, StoredObject
from app.modules.files.names import split_extension
from app.modules.files.services.verification import Verifier


class Renaming:
    """Judges new names of files whose bytes are stored."""

    def __init__(self, policy: ContentPolicy, verifier: Verifier) -> None:
        self._policy = policy
        self._verifier = verifier

    async def content_type_of(self, file: FileUpload, stored: StoredObject, filename: str) -> str:
        """The media type of a file's bytes under a new name; the bytes are looked at where the extension is another.

        The type that was found under the old name doesn't tell enough: what came as `data.bin` may be anything.

        Raises:
            ExtensionNotAllowed, ContentTypeNotAllowed, ContentTypeMismatch: an upload of that name would be refused.
            FileNotAvailable: the bytes went away meanwhile.
        """
        if filename == file.filename:
            return file.content_type
        self._policy.check_declared(filename, file.content_type)
        if _extension(filename) == _extension(file.filename):
            return file.content_type
        try:
            return await self._verifier.judge(stored, filename, file.content_type)
        except (ObjectNotFound, ObjectChanged) as error:
            raise FileNotAvailable("The file's content went away while it was looked at.") from error


def _extension(filename: str) -> str:
    return split_extension(filename)[1].lower()
