"""A TCP proxy between the service and PostgreSQL: refuses and cuts, and sees each transaction's end coming.

    with faulty_database(url) as proxy:
        proxy.trap(Trap(re.compile("INSERT INTO file_uploads"), "after", kill))  # committed, but nobody hears of it
        proxy.refuse()
        proxy.raise_on_all("25006")  # every statement fails as on a standby
        proxy.heal()

A transaction is described by its statements, one a line; only those that write are seen by traps.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

from tests.support.tcp_proxy import BUFFER_BYTES, Link, TcpProxy
from tests.support.traps import Trap

ENCRYPTION_REQUESTS = {80877103, 80877104}
WRITES = re.compile(r"^(WITH .*\(INSERT|INSERT|UPDATE|DELETE)", re.MULTILINE)


class Conversation:
    """What a client has said so far on one connection, read from its own messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.is_started = False
        self._prepared: dict[bytes, str] = {}
        self._statements: list[str] = []
        self.is_in_transaction = False

    def messages(self, data: bytes) -> Iterator[tuple[bytes, str | None]]:
        """The messages that are whole by now; with the one that commits, what the transaction wrote."""
        self._buffer += data
        while (length := self._length()) is not None and len(self._buffer) >= length:
            message = bytes(self._buffer[:length])
            del self._buffer[:length]
            yield message, self._understand(message)

    def _length(self) -> int | None:
        lead = 1 if self.is_started else 0
        if len(self._buffer) < lead + 4:
            return None
        return lead + int(struct.unpack_from("!I", self._buffer, lead)[0])

    def _understand(self, message: bytes) -> str | None:
        if not self.is_started:
            self.is_started = struct.unpack_from("!I", message, 4)[0] not in ENCRYPTION_REQUESTS
            return None
        kind, body = message[:1], message[5:]
        if kind == b"P":  # parse: name, text
            name, text, _ = body.split(b"\0", 2)
            self._prepared[name] = text.decode()
        elif kind == b"B":  # bind: portal, name
            self._statements.append(self._prepared.get(body.split(b"\0", 2)[1], ""))
        elif kind == b"E" and not self.is_in_transaction:  # execute: a statement that is a transaction by itself
            return self._said()
        elif kind == b"Q":
            return self._simple(body.rstrip(b"\0").decode())
        return None

    def _simple(self, query: str) -> str | None:
        if not query.startswith(("BEGIN", "COMMIT", "ROLLBACK")):
            return None
        self.is_in_transaction = query.startswith("BEGIN")
        said = self._said()
        return said if query.startswith("COMMIT") else None

    def _said(self) -> str | None:
        """The statements since the last transaction's end, if any of them writes."""
        said = "\n".join(" ".join(statement.split()) for statement in self._statements)
        self._statements.clear()
        return said if WRITES.search(said) else None


# What a connection says to carry out statements; transactions are begun and ended by simple queries.
STATEMENTS = frozenset(b"PBDECH")


def error_message(sqlstate: str) -> bytes:
    """An ErrorResponse of that code, as PostgreSQL sends it."""
    fields = f"SERROR\0VERROR\0C{sqlstate}\0Mraised by the proxy\0\0".encode()
    return b"E" + struct.pack("!I", 4 + len(fields)) + fields


def ready_message(status: bytes) -> bytes:
    """The server waits for the next statement: `I` outside of a transaction, `E` within a failed one."""
    return b"Z" + struct.pack("!I", 5) + status


class DatabaseLink(Link):
    """One connection of the service, joined to one of PostgreSQL; reads what the service says."""

    def _refused(self, conversation: Conversation, message: bytes) -> bool:
        """Whether the proxy answers instead of the server: every statement with the error that is set."""
        sqlstate, kind = self._proxy.sqlstate, message[:1]
        if sqlstate is None or not conversation.is_started:
            return False
        if kind in STATEMENTS or kind == b"S":
            if kind == b"S":
                status = b"E" if conversation.is_in_transaction else b"I"
                self._client.sendall(error_message(sqlstate) + ready_message(status))
                self._proxy.count_refusal()
            return True
        return False

    def _up(self) -> None:
        conversation = Conversation()
        while data := self._client.recv(BUFFER_BYTES):
            for message, written in conversation.messages(data):
                if self._refused(conversation, message) or self._proxy.holds():
                    continue
                trap = None if written is None else self._proxy.sprung_by(written)
                if trap and trap.moment == "before":
                    trap.spring()
                self._trap = trap
                self._server.sendall(message)

    def _down(self) -> None:
        while data := self._server.recv(BUFFER_BYTES):
            if (trap := self._trap) and trap.moment == "after":
                self._trap = None
                trap.spring()
            self._client.sendall(data)


class FaultyDatabase(TcpProxy):
    """The proxy, reached by `url`. Traps wait for the end of a transaction that writes; `commits` counts those."""

    def __init__(self, target_url: str) -> None:
        parts = urlsplit(target_url)
        self.commits = 0
        self.refusals = 0
        self.held = 0
        self._hangs = False
        self.sqlstate: str | None = None
        super().__init__((parts.hostname, parts.port), DatabaseLink)
        own = f"{parts.username}:{parts.password}@127.0.0.1:{self.port}"
        self.url = urlunsplit(parts._replace(netloc=own))

    def raise_on_all(self, sqlstate: str) -> None:
        """Answer every statement with this error, until healed; connections can still be opened."""
        self.sqlstate = sqlstate

    def hang(self) -> None:
        """Take what clients say, and answer nothing any more; `held` counts their messages."""
        self._hangs = True

    def holds(self) -> bool:
        """Whether a message is kept back."""
        if self._hangs:
            with self._lock:
                self.held += 1
        return self._hangs

    @property
    def links(self) -> int:
        """How many connections there are now."""
        with self._lock:
            return len(self._links)

    def heal(self) -> None:
        """Let everything pass again; a connection that was kept waiting stays so."""
        self.sqlstate = None
        self._hangs = False
        super().heal()

    def count_refusal(self) -> None:
        """One more statement was answered with the error."""
        with self._lock:
            self.refusals += 1

    def sprung_by(self, step: str) -> Trap | None:
        """The trap that the end of this transaction is to spring."""
        with self._lock:
            self.commits += 1
        return super().sprung_by(step)


@contextmanager
def faulty_database(target_url: str) -> Iterator[FaultyDatabase]:
    """A proxy before the server of `target_url`, faultless until told otherwise."""
    proxy = FaultyDatabase(target_url)
    try:
        yield proxy
    finally:
        proxy.close()
