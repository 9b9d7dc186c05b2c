"""For whom requests are counted."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from enum import StrEnum

from fastapi import Request

from app.core.exceptions import HoldfastError
from app.modules.auth.dependencies import caller_of
from app.modules.auth.principal import LOCAL

# Whoever has IPv6 at all has at least so many addresses.
IPV6_NETWORK_BITS = 64
UNKNOWN_ADDRESS = "unknown"


class CallerKind(StrEnum):
    """What tells one caller from another."""

    PRINCIPAL = "principal"
    ADDRESS = "address"


@dataclass(frozen=True)
class CountedCaller:
    """A subject, whatever it shows to prove itself, or else an address.

    Args:
        kind: which of the two.
        identity: its digest; what is kept elsewhere names nobody and has one length.
    """

    kind: CallerKind
    identity: str

    @classmethod
    def of(cls, kind: CallerKind, name: str) -> CountedCaller:
        """The caller of that name."""
        return cls(kind, hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest())


async def counted_caller(request: Request) -> CountedCaller:
    """Whose request this is. Who shows nothing, or nothing valid, is known by the address."""
    caller = await caller_of(request)
    # With sign-in off all are one principal, and one of them could use up what is everybody's.
    if isinstance(caller, HoldfastError) or caller.subject is None or caller is LOCAL:
        return address_of(request)
    return CountedCaller.of(CallerKind.PRINCIPAL, caller.subject)


def address_of(request: Request) -> CountedCaller:
    """From where a request comes, whoever sends it."""
    return CountedCaller.of(CallerKind.ADDRESS, network_of(request.client.host if request.client else ""))


async def holders_of(request: Request) -> tuple[CountedCaller, ...]:
    """Whose shares of the memory a request's body counts for: its caller's and its address's, which may be one."""
    return await counted_caller(request), address_of(request)


def network_of(host: str) -> str:
    """An address as it is counted: an IPv6 one by its network. What is none counts as one unknown caller."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return UNKNOWN_ADDRESS
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), IPV6_NETWORK_BITS), strict=False))
