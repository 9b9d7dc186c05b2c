"""`keys`: makes, lists and revokes API keys, for operators; needs the registry and nothing else."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from app.cli.environment import attached
from app.config import DatabaseSettings
from app.core.audit import COMMAND
from app.core.clock import utc_now
from app.core.database import Database
from app.core.exceptions import HoldfastError
from app.core.logging import configure_logging
from app.core.pagination import CursorSigner
from app.core.resources import Afterwork
from app.core.signing_secret import SigningSecret
from app.modules.auth.claims import is_usable_name
from app.modules.auth.key_service import KeyService
from app.modules.auth.models import ApiKey
from app.modules.auth.principal import DEFAULT_SCOPES, Principal, Scope

T = TypeVar("T")
OPERATOR = Principal("operator", frozenset({Scope.ADMIN}))
PAGE = 1000
CLOSE_SECONDS = 5.0

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys.")


def _name(value: str | None) -> str | None:
    if value is not None and not is_usable_name(value):
        raise typer.BadParameter("give 1 to 255 characters, no control characters")
    return value


@app.command()
def create(
    owner: Annotated[str, typer.Option(callback=_name, help="As whom callers with the key act; a token's `sub`.")],
    name: Annotated[str, typer.Option(callback=_name, help="For people.")],
    scope: Annotated[list[Scope] | None, typer.Option(help="Once for each; read and write without it.")] = None,
    expires_in_days: Annotated[int | None, typer.Option(min=1, max=36_500, help="Without it: when revoked.")] = None,
) -> None:
    """Make a key and print it, the only time it's shown. Standard output has the key alone."""
    expires_at = None if expires_in_days is None else utc_now() + timedelta(days=expires_in_days)
    scopes = frozenset(scope) if scope else DEFAULT_SCOPES
    new = _with_service(lambda keys: keys.create_for(COMMAND, owner, name=name, scopes=scopes, expires_at=expires_at))
    typer.echo(new.text.text)
    typer.echo(f"{new.key.id}: acts as {owner}; keep it now, it can't be shown again", err=True)


@app.command(name="list")
def list_keys(
    owner: Annotated[str | None, typer.Option(help="Only this owner's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """List keys, newest first, without what they're worth."""

    async def all_of_them(keys: KeyService) -> list[ApiKey]:
        page = await keys.page(OPERATOR, owner, cursor=None, limit=PAGE)
        found = [*page.items]
        while page.next_cursor:
            page = await keys.page(OPERATOR, owner, cursor=page.next_cursor, limit=PAGE)
            found += page.items
        return found

    found = _with_service(all_of_them)
    if as_json:
        typer.echo(json.dumps([_shown(key) for key in found], indent=2))
        return
    for key in found:
        state = "revoked" if key.revoked_at else "expired" if key.expires_at and key.expires_at <= utc_now() else "live"
        used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
        typer.echo(f"{key.id}  hf_{key.prefix}_…  {state:<7}  {used:<16}  {key.owner_id}  {key.name}")
    typer.echo(f"{len(found)} keys")


@app.command()
def revoke(key_id: Annotated[UUID, typer.Argument(metavar="ID", help="As `keys list` shows it.")]) -> None:
    """End a key: from now on it is refused everywhere."""
    _with_service(lambda keys: keys.revoke(OPERATOR, key_id, actor=COMMAND))
    typer.echo(f"revoked: {key_id}")


def _shown(key: ApiKey) -> dict[str, object]:
    moments = {name: getattr(key, name) for name in ("created_at", "expires_at", "revoked_at", "last_used_at")}
    return {
        "id": str(key.id),
        "prefix": key.prefix,
        "name": key.name,
        "owner_id": key.owner_id,
        "scopes": key.scopes,
        **{name: moment and moment.isoformat() for name, moment in moments.items()},
    }


def _with_service(work: Callable[[KeyService], Awaitable[T]]) -> T:
    # What is asked for alone goes to standard output.
    configure_logging("WARNING", "console")
    try:
        with attached():
            return asyncio.run(_working(work))
    except HoldfastError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


async def _working(work: Callable[[KeyService], Awaitable[T]]) -> T:
    database, afterwork = Database(DatabaseSettings.from_environment()), Afterwork()
    try:
        # Cursors never leave this process.
        return await work(KeyService(database, CursorSigner(SigningSecret(secrets.token_bytes())), afterwork))
    finally:
        await afterwork.finish(CLOSE_SECONDS)
        await database.close()
