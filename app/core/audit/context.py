"""Who acts: a caller, as it came to us, or a part of the service that nobody has asked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from app.core.middleware import client_address, request_id


class ActorKind(StrEnum):
    """What an actor's name is the name of: a user may be called `maintenance`, too."""

    USER = "user"
    API_KEY = "api_key"
    SYSTEM = "system"


@dataclass(frozen=True)
class Actor:
    """Somebody who changes something.

    Args:
        kind: what `name` names.
        name: a caller's subject, verbatim (also of one who comes with an API key), or the part of the service.
        api_key_id: the key that was shown.
        address: from where the request came.
        request_id: which request it was.
    """

    kind: ActorKind
    name: str
    api_key_id: UUID | None = None
    address: str | None = None
    request_id: str | None = None

    @classmethod
    def calling(cls, subject: str, api_key_id: UUID | None) -> Actor:
        """A caller, within its request: where it came from is known to nobody else."""
        kind = ActorKind.USER if api_key_id is None else ActorKind.API_KEY
        return cls(kind, subject, api_key_id, client_address() or None, request_id() or None)


MAINTENANCE = Actor(ActorKind.SYSTEM, "maintenance")
OUTBOX = Actor(ActorKind.SYSTEM, "outbox")
# Whoever has a shell beside the service, such as an operator who makes an API key.
COMMAND = Actor(ActorKind.SYSTEM, "command")
