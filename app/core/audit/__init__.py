"""The journal: who did what to which file, when, from where, and how it ended; written in the change's own transaction.

The package knows no module. Whoever changes something calls `record` with the session that it changes it in;
`app.modules.audit` reads.
"""

from app.core.audit.context import COMMAND, MAINTENANCE, OUTBOX, Actor, ActorKind
from app.core.audit.entries import Action, AuditEntry, Result, entry_of, record

__all__ = [
    "COMMAND",
    "MAINTENANCE",
    "OUTBOX",
    "Action",
    "Actor",
    "ActorKind",
    "AuditEntry",
    "Result",
    "entry_of",
    "record",
]
