"""How single values are read from text, and what is said when they can't be."""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Annotated
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from pydantic import AfterValidator, Field

MEBIBYTE = 1_048_576
# A star for a label needs two labels behind it: *.com would be half of the web.
ORIGIN = re.compile(
    r"https?://(?:(?:[a-z0-9_-]*\*[a-z0-9_-]*(?:\.localhost|(?:\.[a-z0-9_-]+){2,}))|[a-z0-9._-]+|\[[0-9a-f:.]+\])"
    r"(?::(?:[0-9]{1,5}|\*))?"
)
HOST = re.compile(r"(?:\*\.(?=[^.]+\.))?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
SIGV4_MAX_EXPIRY_SECONDS = 604_800


def words_of(text: str) -> list[str]:
    """The words between commas."""
    return [item.strip() for item in text.split(",") if item.strip()]


def parse_json(text: str, hint: str) -> object:
    """Any JSON value.

    Raises:
        ValueError: it's none; says `hint`.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(hint) from error


def split_words(value: object) -> object:
    """Take `a, b, c` or a JSON list for a list of words."""
    if not isinstance(value, str):
        return value
    if value.strip().startswith("["):
        return parse_json(value, 'give words with commas between them, or a JSON list such as ["a", "b"]')
    return words_of(value)


def has_usable_port(parts: SplitResult) -> bool:
    """Whether the port is a number; urllib says so only when asked, and repeats parts of a password then."""
    try:
        return parts.port != 0
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Whether nobody outside this machine can reach that address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    is_bare = not (parts.query or parts.path.strip("/"))
    if parts.scheme not in {"http", "https"} or not parts.hostname or not is_bare or not has_usable_port(parts):
        message = "give an http(s) address without path, such as http://localhost:9000"
        raise ValueError(message)
    return value.rstrip("/")


def _keys_url(value: str) -> str:
    """Whoever could change what comes from there could sign in as anybody."""
    parts = urlsplit(value)
    has_host = bool(parts.hostname) and "@" not in parts.netloc and has_usable_port(parts)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if not (has_host and is_safe) or parts.fragment or not value.isascii() or not value.isprintable() or " " in value:
        message = (
            "give the https address of the key set, such as https://login.example.com/.well-known/jwks.json"
            " (http on loopback only)"
        )
        raise ValueError(message)
    return value


def _origin(value: str) -> str:
    """A page's origin as browsers send it; a star may stand for the first label of a name, or for the port.

    `*` alone would let every page call in the name of whoever reads it, and `null` every sandboxed one.
    """
    if not ORIGIN.fullmatch(value.lower()):
        message = (
            "name each origin as browsers send it, without a path, such as https://app.example.com,"
            " http://localhost:* or https://*.example.com; neither * nor null"
        )
        raise ValueError(message)
    return value.lower()


def _host(value: str) -> str:
    """A name or an address, without a port; `*.` may stand for what comes before a domain of two labels or more."""
    name = value.lower().strip("[]")
    try:
        ipaddress.ip_address(name)
    except ValueError as error:
        if not HOST.fullmatch(name):
            message = (
                "name hosts without scheme and port, such as files.example.com, *.example.com or 10.0.0.7;"
                " * would let every name lead here"
            )
            raise ValueError(message) from error
    return name


def _network(value: str) -> str:
    try:
        ipaddress.ip_network(value)
    except ValueError as error:
        message = "give addresses or networks of your proxies, such as 10.0.0.7,10.1.0.0/16; * would believe anybody"
        raise ValueError(message) from error
    return value


def asyncpg_url(value: str) -> str:
    """A PostgreSQL address as SQLAlchemy's asyncpg dialect takes it.

    Raises:
        ValueError: it's the address of something else.
    """
    parts = urlsplit(value)
    dialect, _, driver = parts.scheme.partition("+")
    if dialect not in {"postgresql", "postgres"} or driver not in {"", "asyncpg"} or not has_usable_port(parts):
        message = (
            "give a PostgreSQL address: postgresql+asyncpg://user:password@host:5432/database"
            " (characters such as / @ # in the password percent-encoded)"
        )
        raise ValueError(message)
    # libpq calls it sslmode, asyncpg calls it ssl; people paste what their provider shows them.
    query = urlencode([("ssl" if name == "sslmode" else name, item) for name, item in parse_qsl(parts.query)])
    # Not urlunsplit: it drops the slashes of an address without host, as sockets have it.
    return f"postgresql+asyncpg://{parts.netloc}{parts.path}" + (f"?{query}" if query else "")


HostName = Annotated[str, AfterValidator(_host)]
HttpAddress = Annotated[str, AfterValidator(_http_url)]
Origin = Annotated[str, AfterValidator(_origin)]
Network = Annotated[str, AfterValidator(_network)]
KeysAddress = Annotated[str, AfterValidator(_keys_url)]
ExpirySeconds = Annotated[int, Field(ge=1, le=SIGV4_MAX_EXPIRY_SECONDS)]
