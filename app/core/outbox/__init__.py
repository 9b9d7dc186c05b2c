"""What must happen after a commit: written in that same commit, carried out at least once, retried until it goes well.

The package knows no module. Whoever has something to be done writes an entry with `enqueue`;
`main` tells the worker who carries out which topic.
"""

from app.core.outbox.entries import OutboxEntry, enqueue
from app.core.outbox.worker import Outbox

__all__ = ["Outbox", "OutboxEntry", "enqueue"]
