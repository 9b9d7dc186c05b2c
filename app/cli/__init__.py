"""The commands: serve, dev, worker, migrate, maintain, keys, token."""

from __future__ import annotations

import sys

import typer

from app.cli import database, keys, maintain, server, token, worker
from app.config import ConfigurationError
from app.embedded.exceptions import EmbeddedError

app = typer.Typer(
    name="holdfast",
    help="The file service between your users and S3.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(server.serve)
app.command()(server.dev)
app.command()(database.migrate)
app.add_typer(maintain.app, name="maintain")
app.command()(worker.worker)
app.add_typer(keys.app, name="keys")
app.command()(token.token)


def main() -> None:
    """Run one command; what the operator has to mend is said in words, not in a traceback."""
    try:
        app()
    except ConfigurationError as error:
        sys.stderr.write(f"Settings are wrong:\n  {str(error).replace(chr(10), chr(10) + '  ')}\n")
        sys.exit(2)
    except EmbeddedError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
