"""How many uploads of one caller pass this process at once."""

from __future__ import annotations

from app.core.exceptions import TooMany
from app.modules.rates.caller_slots import COME_BACK_SECONDS, CallerSlots


class TooManyUploads(TooMany):
    """All the uploads that this caller may send at once are under way."""

    code = "too_many_uploads"


class UploadSlots(CallerSlots):
    """Slots for files that are being sent."""

    def _refusal(self) -> TooManyUploads:
        detail = f"You are sending {self._most} files already; send this one when one of them has arrived."
        return TooManyUploads(detail, retry_after_seconds=COME_BACK_SECONDS)
