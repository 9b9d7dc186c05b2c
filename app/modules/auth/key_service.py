"""API keys: made, listed, revoked by people with a token; shown by servers and scripts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from app.core.audit import Action, Actor, Result, record
from app.core.clock import new_id
from app.core.database import Database
from app.core.exceptions import Forbidden, Unauthenticated
from app.core.pagination import CursorSigner
from app.core.resources import Afterwork
from app.modules.auth.api_key_repository import ApiKeyRepository
from app.modules.auth.exceptions import KeyNotFound, TooManyKeys
from app.modules.auth.key_text import KeyText, new_key_text
from app.modules.auth.models import ApiKey
from app.modules.auth.principal import DEFAULT_SCOPES, Principal, Scope

# Enough for every script of an owner's, too few to fill a table with.
MAX_LIVE_KEYS = 100
# How many keys are remembered as good ones; those not shown for longest are forgotten.
MOST_REMEMBERED = 50_000


@dataclass(frozen=True)
class NewKey:
    """A key just made; the only time that its text is there to be shown."""

    key: ApiKey
    text: KeyText


@dataclass(frozen=True)
class KeyPage:
    """A piece of a listing, and the cursor of the next one."""

    items: Sequence[ApiKey]
    next_cursor: str | None


class KeyService:
    """Keeps API keys and says whose they are.

    Args:
        database: the registry; each request with a key reads it once, so that a revoked key is refused from
            the commit on, by all processes.
        cursors: makes the cursors of listings.
        afterwork: where it's written down that a key was used, while the request goes on.
    """

    def __init__(self, database: Database, cursors: CursorSigner, afterwork: Afterwork) -> None:
        self._database = database
        self._cursors = cursors
        self._afterwork = afterwork
        self._being_noted: set[UUID] = set()
        self._good_digests: OrderedDict[bytes, None] = OrderedDict()

    def was_good(self, shown: KeyText) -> bool:
        """Whether this process made the key or found it good when it was last shown.

        It proves nobody: the registry is asked all the same. It tells that asking isn't in vain, as it is with keys
        that somebody invents.
        """
        return shown.digest in self._good_digests

    async def principal_of(self, shown: KeyText) -> Principal:
        """The caller that a key proves: its owner, with the key's scopes and in no group.

        Raises:
            Unauthenticated: it's unknown, revoked or expired; the answer doesn't tell which.
        """
        async with self._database.transaction() as session:
            found = await ApiKeyRepository(session).by_prefix(shown.prefix)
        if found is None or not (shown.matches(found.key.digest) and found.is_live):
            self._good_digests.pop(shown.digest, None)
            raise Unauthenticated("The API key is not valid.")
        self._remember(shown)
        key = found.key
        if found.is_use_due and key.id not in self._being_noted:
            self._being_noted.add(key.id)
            self._afterwork.start(self._note_use(key.id))
        return Principal(key.owner_id, frozenset(key.scopes), key_id=key.id, ends_at=key.expires_at)

    async def require_live(self, key_id: UUID) -> None:
        """Check that a key, shown some time ago, would still be accepted.

        Raises:
            Unauthenticated: it was revoked, has expired, or is forgotten.
        """
        async with self._database.transaction() as session:
            if not await ApiKeyRepository(session).is_live(key_id):
                raise Unauthenticated("The API key is not valid any more.")

    async def create(
        self, principal: Principal, *, name: str, scopes: frozenset[Scope] | None, expires_at: datetime | None
    ) -> NewKey:
        """A key for the caller itself, with scopes that the caller has; by default those for reading and writing.

        Raises:
            Forbidden: the caller came with an API key, or lacks a scope that the key is to have.
            TooManyKeys: it has as many as anybody may have.
        """
        owner_id = principal.require(Scope.WRITE)
        wanted = frozenset(scope for scope in DEFAULT_SCOPES if _has(principal, scope)) if scopes is None else scopes
        async with self._attempt(principal, Action.KEY_CREATE):
            _require_token(principal)
            missing = sorted(scope for scope in wanted if not _has(principal, scope))
            if missing:
                raise Forbidden(f"A key can't do more than its maker; this credential lacks {' '.join(missing)}.")
        return await self.create_for(principal.actor, owner_id, name=name, scopes=wanted, expires_at=expires_at)

    async def create_for(
        self, actor: Actor, owner_id: str, *, name: str, scopes: frozenset[Scope], expires_at: datetime | None
    ) -> NewKey:
        """A key for anybody, as the operator makes it; the journal names `actor`.

        Raises:
            TooManyKeys: as above.
        """
        text = new_key_text()
        key = ApiKey(
            id=new_id(),
            prefix=text.prefix,
            digest=text.digest,
            owner_id=owner_id,
            name=name,
            scopes=sorted(scopes),
            expires_at=expires_at,
        )
        async with self._database.transaction() as session:
            keys = ApiKeyRepository(session)
            if await keys.count_live(owner_id) >= MAX_LIVE_KEYS:
                raise TooManyKeys(f"{MAX_LIVE_KEYS} keys are in use already; revoke one that is needed no more.")
            await keys.add(key)
            details = {"key_id": str(key.id), "scopes": key.scopes}
            record(session, actor, Action.KEY_CREATE, owner_id=owner_id, details=details)
        self._remember(text)
        return NewKey(key, text)

    async def page(self, principal: Principal, owner_id: str | None, *, cursor: str | None, limit: int) -> KeyPage:
        """The caller's keys, newest first; for an admin everybody's, or one owner's.

        Raises:
            Forbidden: the caller came with an API key, or names an owner and is no admin.
            InvalidCursor: `cursor` belongs to another query.
        """
        principal.require(Scope.READ)
        _require_token(principal)
        if owner_id is not None and not principal.is_admin:
            raise Forbidden("Only callers with the scope files:admin may ask for an owner's keys by owner_id.")
        await self._cursors.ready()
        query = {"keys": owner_id, "caller": principal.subject, "all": principal.is_admin}
        [after] = cast("tuple[UUID]", self._cursors.decode(cursor, query)) if cursor else [None]
        async with self._database.transaction() as session:
            found = await ApiKeyRepository(session).page(principal, owner_id, after=after, limit=limit + 1)
        items = found[:limit]
        return KeyPage(items, self._cursors.encode((items[-1].id,), query) if len(found) > limit else None)

    async def revoke(self, principal: Principal, key_id: UUID, *, actor: Actor | None = None) -> None:
        """End a key of the caller's (for an admin, anybody's); once or often. The journal names the caller or `actor`.

        Raises:
            Forbidden: the caller came with an API key.
            KeyNotFound: there is none, or not for this caller.
        """
        principal.require(Scope.WRITE)
        async with self._attempt(principal, Action.KEY_REVOKE):
            _require_token(principal)
        async with self._database.transaction() as session:
            revoked = await ApiKeyRepository(session).revoke(principal, key_id)
            if revoked is None:
                raise KeyNotFound
            if revoked.is_new:
                by = principal.actor if actor is None else actor
                details = {"key_id": str(key_id)}
                record(session, by, Action.KEY_REVOKE, owner_id=revoked.owner_id, details=details)

    @asynccontextmanager
    async def _attempt(self, principal: Principal, action: Action) -> AsyncIterator[None]:
        """Write down what is refused within: whoever tries to get more with a key has perhaps found it."""
        try:
            yield
        except Forbidden:
            async with self._database.transaction() as session:
                record(session, principal.actor, action, owner_id=principal.subject, result=Result.DENIED)
            raise

    def _remember(self, good: KeyText) -> None:
        self._good_digests[good.digest] = None
        self._good_digests.move_to_end(good.digest)
        if len(self._good_digests) > MOST_REMEMBERED:
            self._good_digests.popitem(last=False)

    async def _note_use(self, key_id: UUID) -> None:
        try:
            async with self._database.transaction() as session:
                await ApiKeyRepository(session).note_use(key_id)
        finally:
            self._being_noted.discard(key_id)


def _require_token(principal: Principal) -> None:
    """Only who signs in looks after keys: a key that could make keys would outlive its own revocation."""
    if principal.key_id is not None:
        raise Forbidden("API keys can't manage API keys; sign in with a token.")


def _has(principal: Principal, scope: Scope) -> bool:
    return principal.is_admin or scope in principal.scopes
