"""`token`: prints a JWT for scripts and for trying things out."""

from __future__ import annotations

from typing import Annotated

import typer

from app.config import AuthSettings, ConfigurationError
from app.modules.auth.principal import Scope
from app.modules.auth.tokens import SecretTokens

DAY_SECONDS = 86_400


def token(
    sub: Annotated[str, typer.Option(help="Whose token it is.")],
    ttl_seconds: Annotated[int, typer.Option(min=1, help="How long it's valid.")] = DAY_SECONDS,
    scope: Annotated[str, typer.Option(help="Space-separated.")] = f"{Scope.READ} {Scope.WRITE}",
) -> None:
    """Print a token signed with AUTH_JWT_SECRET."""
    unknown = set(scope.split()) - set(Scope)
    if unknown:
        raise typer.BadParameter(f"unknown scope {' '.join(sorted(unknown))}; known are {', '.join(Scope)}")
    settings = AuthSettings.from_environment()
    if settings.jwt_secret is None:
        raise ConfigurationError("AUTH_JWT_SECRET is not set, so no token can be signed")
    typer.echo(SecretTokens(settings).issue(sub, ttl_seconds=ttl_seconds, scopes=frozenset(scope.split())))
