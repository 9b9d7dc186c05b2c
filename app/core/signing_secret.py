"""The secret that signs our own cursors and addresses: the operator's, or a random one that the registry keeps.

Never derived from a credential: what is signed is handed out, and whoever holds it could try passwords against it
without asking us.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from sqlalchemy import CheckConstraint, DateTime, LargeBinary, Text, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base, Database

SECRET_BYTES = 32
SIGNING = "signing"


class KeptSecret(Base):
    """A random secret that all processes share. Whoever deletes it and starts them again gets another."""

    __tablename__ = "kept_secrets"
    __table_args__ = (CheckConstraint("octet_length(value) >= 32", name="value_is_long"),)

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class SigningSecret:
    """One secret for all processes; `load` it before keys are made of it.

    Args:
        given: the operator's own; None takes the registry's.
        database: the registry.
    """

    def __init__(self, given: bytes | None, database: Database | None = None) -> None:
        self._value = given
        self._database = database

    async def load(self) -> None:
        """Read the registry's secret, once; make it where there is none.

        Raises:
            DatabaseUnavailable: the registry can't be asked, or isn't migrated.
        """
        if self._value is None and self._database is not None:
            self._value = await _kept(self._database)

    def key_for(self, purpose: str) -> bytes:
        """A key for one purpose; those of others tell nothing about it."""
        if self._value is None:
            raise RuntimeError("the signing secret is used before it is loaded")
        return hashlib.sha256(f"holdfast {purpose}\0".encode() + self._value).digest()


async def _kept(database: Database) -> bytes:
    wanted = select(KeptSecret.value).where(KeptSecret.name == SIGNING)
    async with database.transaction() as session:
        found = await session.scalar(wanted)
        if found is None:
            made = insert(KeptSecret).values(name=SIGNING, value=secrets.token_bytes(SECRET_BYTES))
            # Of several processes that start at once one makes it; the others wait here, and read that one's.
            await session.execute(made.on_conflict_do_nothing())
            found = (await session.execute(wanted)).scalar_one()
    return found
