"""What a request's head must say so that no two servers can read its length, its host or its end differently."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Those that the ASGI scope of a server names; a request line of HTTP/2.0 gives "2.0", real HTTP/2 gives "2".
VERSIONS = frozenset({"1.0", "1.1", "2", "3"})
LOOKED_AT = frozenset({b"host", b"content-length", b"transfer-encoding", b"upgrade"})
AUTHORITY = re.compile(rb"(?:[A-Za-z0-9._~%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
ABSOLUTE = re.compile(rb"https?://([^/?#]*)", re.IGNORECASE)
# A NUL or a line break never reaches the service; here it would mean a server that lets them through.
DIGITS = re.compile(rb"[0-9]{1,19}")


def fault_of_head(version: str, method: str, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The first fault that makes a head ambiguous, as a sentence for the caller; None where there is none.

    Args:
        version: of HTTP, as ASGI names it.
        method: in capitals.
        headers: names in lower case.
    """
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name in LOOKED_AT:
            found.setdefault(name, []).append(value.strip())
    if version not in VERSIONS:
        return "Only HTTP/1.0 and HTTP/1.1 are spoken here."
    if method == "CONNECT":
        return "This service is no proxy; it takes no CONNECT."
    return _fault_of_host(version, found.get(b"host", [])) or _fault_of_length(version, found)


def wants_upgrade(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a request asks for another protocol. It is answered in this one, and its connection is closed."""
    return any(name == b"upgrade" for name, _value in headers)


def fault_of_target(target: bytes, method: str, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The fault of a request line's address, as a sentence for the caller; None where there is none."""
    if b"#" in target:
        return "An address has no fragment on its way to a server."
    if target.startswith(b"/") or (target == b"*" and method == "OPTIONS"):
        return None
    absolute = ABSOLUTE.match(target)
    hosts = [value.strip().lower() for name, value in headers if name == b"host"]
    if absolute is None or hosts != [absolute[1].lower()]:
        return "The address must begin with a slash, or name the same host as the Host field."
    return None


def _fault_of_host(version: str, hosts: list[bytes]) -> str | None:
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        return "A request names exactly one Host."
    if hosts and AUTHORITY.fullmatch(hosts[0]) is None:
        return "Host must be a name or an address, and a port if need be."
    return None


def _fault_of_length(version: str, found: dict[bytes, list[bytes]]) -> str | None:
    lengths, codings = found.get(b"content-length", []), found.get(b"transfer-encoding", [])
    if codings and [coding.lower() for coding in codings] != [b"chunked"]:
        return "Transfer-Encoding may only be 'chunked', once and alone."
    if codings and (lengths or version == "1.0"):
        return "A chunked body has no Content-Length, and HTTP/1.0 has no chunked bodies."
    if len(lengths) > 1 or (lengths and DIGITS.fullmatch(lengths[0]) is None):
        return "Content-Length must be one number."
    has_body = bool(codings) or any(length.strip(b"0") for length in lengths)
    if has_body and b"upgrade" in found:
        return "No protocol is upgraded here; send a request that has a body without Upgrade."
    return None
