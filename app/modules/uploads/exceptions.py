"""What can be wrong with a direct upload. Each class adds its stable `code` to a category of `app.core.exceptions`."""

from __future__ import annotations

from app.core.exceptions import Conflict, Gone, NotFound


class UploadNotFound(NotFound):
    """No such upload, or not one that this caller may see."""

    code = "upload_not_found"
    detail = "There is no such upload."


class UploadExpired(Gone):
    """Its time is over, or the store no longer knows it."""

    code = "upload_expired"
    detail = "The upload has expired; begin a new one."


class UploadIncomplete(Conflict):
    """Bytes are still missing."""

    title = "Upload incomplete"
    code = "upload_incomplete"
    detail = "The store does not have all bytes yet; send them, then complete again."


class UploadRejected(Conflict):
    """The bytes were looked at and refused."""

    title = "Upload rejected"
    code = "upload_rejected"
