"""What can be wrong with a grant. Each class adds its stable `code` to a category of `app.core.exceptions`."""

from __future__ import annotations

from app.core.exceptions import Conflict, NotFound


class GrantNotFound(NotFound):
    """The file is open to others, or to nobody, but not to this one."""

    code = "grant_not_found"
    detail = "The file isn't granted to this user or group."


class TooManyGrants(Conflict):
    """The file is open to as many as any file may be."""

    title, code = "Too many grants", "too_many_grants"
