"""What the app's environment has to look like to use the parts that run, whatever the shell says."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.embedded.object_store import REGION, AccessKey
from app.embedded.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from app.embedded.service_env import ServiceEnv

BUCKET_NAME = "holdfast"
ALWAYS_WRITTEN = (
    "DATABASE_URL",
    "S3_ENDPOINT_URL",
    "S3_BUCKET_NAME",
    "S3_ACCESS_KEY_ID",
    "S3_SECRET_ACCESS_KEY",
    "S3_REGION",
)
# Settings that describe another store than ours; a public address may well be meant for ours.
FOREIGN_TO_OUR_STORE = ("S3_SESSION_TOKEN", "S3_USE_SSL")


@dataclass(frozen=True)
class RunningParts:
    """What runs, and what the app's environment has to look like to use it.

    Args:
        environment: variables to set.
        removed: variables to take out, so that nothing found in the shell leads elsewhere.
        embedded_database: whether PostgreSQL is ours.
        embedded_store: whether the S3 server is ours.
        attached: whether another process started them and will stop them.
    """

    environment: dict[str, str]
    removed: tuple[str, ...]
    embedded_database: bool
    embedded_store: bool
    attached: bool = False

    def apply(self, environ: MutableMapping[str, str]) -> None:
        """Make these the app's variables, usually in `os.environ`."""
        for name in self.removed:
            environ.pop(name, None)
        environ.update(self.environment)


def store_environment(
    endpoint_url: str, key: AccessKey, signing_key: AccessKey, environ: Mapping[str, str]
) -> dict[str, str]:
    """Say how our store is reached."""
    return {
        "S3_ENDPOINT_URL": endpoint_url,
        "S3_BUCKET_NAME": BUCKET_NAME,
        "S3_ACCESS_KEY_ID": key.id,
        "S3_SECRET_ACCESS_KEY": key.secret,
        "S3_SIGNING_ACCESS_KEY_ID": signing_key.id,
        "S3_SIGNING_SECRET_ACCESS_KEY": signing_key.secret,
        "S3_REGION": REGION,
        "S3_ADDRESSING_STYLE": "path",
        **_shielding(environ),
    }


def _shielding(environ: Mapping[str, str]) -> dict[str, str]:
    """Keep the shell's AWS files and proxy away from a store on loopback."""
    bypass = ",".join(filter(None, (environ.get("no_proxy") or environ.get("NO_PROXY"), LOOPBACK)))
    return {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": bypass,
        "no_proxy": bypass,
    }


def foreign_names(environ: Mapping[str, str], *, database: bool, store: bool) -> tuple[str, ...]:
    """List what must not stand beside the address and key of our own database or store."""
    prefixes = (("PG",) if database else ()) + (("AWS_",) if store else ())
    found = sorted(name for name in environ if name.startswith(prefixes))
    return (*found, *(FOREIGN_TO_OUR_STORE if store else ()))


def effective_variables(parts: RunningParts, environ: Mapping[str, str]) -> dict[str, str]:
    """Say what the app gets: its database and all that it knows of its store."""
    variables = dict(environ)
    parts.apply(variables)
    store = {name: value for name, value in variables.items() if name.startswith("S3_")}
    return {name: variables.get(name, "") for name in ALWAYS_WRITTEN} | store


def attached_environment(service: ServiceEnv, environ: Mapping[str, str]) -> RunningParts:
    """See database and store exactly as that service does, except for what `environ` itself names."""
    own_database, own_store = bool(environ.get("DATABASE_URL")), bool(environ.get("S3_BUCKET_NAME"))
    embedded_database = "POSTGRES" in service.processes and not own_database
    embedded_store = "STORE" in service.processes and not own_store
    environment: dict[str, str] = {}
    removed: tuple[str, ...] = ()
    if not own_database:
        environment["DATABASE_URL"] = service.variables["DATABASE_URL"]
    if not own_store:
        environment |= {name: value for name, value in service.variables.items() if name.startswith("S3_") and value}
        removed = tuple(sorted(name for name in environ if name.startswith("S3_")))
    if embedded_store:
        environment |= _shielding(environ)
    removed += foreign_names(environ, database=embedded_database, store=embedded_store)
    return RunningParts(environment, removed, embedded_database, embedded_store, attached=True)
