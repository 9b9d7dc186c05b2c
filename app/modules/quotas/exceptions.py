"""What a quota refuses."""

from __future__ import annotations

from app.core.exceptions import TooLarge


class QuotaExceeded(TooLarge):
    """The owner may not have so much more."""

    title = "Quota exceeded"
    code = "quota_exceeded"
    detail = "There is no room for it in the owner's quota; delete files for good, or ask for more."
