"""Whether a browser was led here: the names that a request may call us by, and the pages that may send writes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.config.values import is_loopback
from app.core.exceptions import Forbidden, HoldfastError, Misdirected
from app.core.problems import problem_answer

PORT = re.compile(r":[0-9]{1,5}$")
# A name, or an address without its brackets.
NAME = re.compile(r"[a-z0-9_.:-]+")
DEFAULT_PORTS = {"http": "80", "https": "443"}
READS = frozenset({"GET", "HEAD", "OPTIONS"})
# Probes call by address, and learn nothing that a stranger may not know.
FOR_PROBES = frozenset({"/health", "/health/ready"})


class HostNotAllowed(Misdirected):
    """Somebody else's name leads to this service."""

    code = "host_not_allowed"
    detail = "This service doesn't answer to that Host; its operator names others in ALLOWED_HOSTS."


class OriginNotAllowed(Forbidden):
    """A page of another origin sends a write."""

    code = "origin_not_allowed"
    detail = "Pages of that origin may not change anything here; the operator names origins in CORS_ORIGINS."


class AllowedHosts:
    """The names in `Host` that a service takes for its own: those of loopback, and those given.

    Args:
        names: lower-case names or addresses, without a port; `*.` stands for one label or more.
    """

    def __init__(self, names: Iterable[str]) -> None:
        given = frozenset(names)
        self._names = frozenset(name for name in given if not name.startswith("*."))
        # Browsers lead every name below `localhost` to loopback, without asking a DNS server.
        self._endings = (".localhost", *(name[1:] for name in given if name.startswith("*.")))

    def __contains__(self, host: str) -> bool:
        """Whether that `Host`, with or without a port, is one of them."""
        name = name_of(host)
        if not NAME.fullmatch(name):
            return False
        return is_loopback(name) or name in self._names or name.endswith(self._endings)


class AllowedOrigins:
    """The origins of pages that may write: those given, and the service's own.

    Args:
        origins: as in `CORS_ORIGINS`.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        self._pattern = pattern_of(origins)

    def may_send(self, headers: Headers) -> bool:
        """Whether no browser says that another page sent this. Other clients send neither header."""
        origins = headers.getlist("origin")
        if not origins:
            # A browser that leaves Origin out tells at least how the page is related.
            return headers.get("sec-fetch-site", "none") in {"none", "same-origin"}
        origin = origins[0].lower()
        is_known = self._pattern is not None and re.fullmatch(self._pattern, origin) is not None
        return len(origins) == 1 and (is_known or _is_own(origin, headers.get("host", "")))


class HostAndOrigin:
    """Refuses requests that a browser was led to send: under a name that isn't ours, or by a page that may not.

    Without sign-in whoever reaches the service is believed, and a browser on the same machine reaches it for any
    page: a name of the page's own may lead here (DNS rebinding), and forms may be sent to anybody.

    Args:
        hosts: None where every Host is taken.
        origins: None where writes need a credential that no browser adds by itself.
    """

    def __init__(self, app: ASGIApp, hosts: AllowedHosts | None, origins: AllowedOrigins | None) -> None:
        self.app = app
        self._hosts = hosts
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what isn't refused; no byte of a body is read before that."""
        refused = self._refused(scope) if scope["type"] == "http" else None
        if refused is None:
            await self.app(scope, receive, send)
        else:
            await (await problem_answer(refused))(scope, receive, send)

    def _refused(self, scope: Scope) -> HoldfastError | None:
        if scope["path"].removeprefix(scope.get("root_path", "")) in FOR_PROBES:
            return None
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if self._hosts is not None and (len(hosts) != 1 or hosts[0] not in self._hosts):
            return HostNotAllowed()
        is_read = scope["method"] in READS
        return None if is_read or self._origins is None or self._origins.may_send(headers) else OriginNotAllowed()


def name_of(host: str) -> str:
    """The name or address in a `Host`, lower-case, without port, brackets and the root's dot."""
    return PORT.sub("", host.lower()).strip("[]").removesuffix(".")


def pattern_of(origins: Iterable[str]) -> str | None:
    """A regular expression for origins as in `CORS_ORIGINS`: `*` stands for letters, digits and dashes."""
    return "|".join(re.escape(origin).replace(r"\*", "[A-Za-z0-9-]*") for origin in origins) or None


def _is_own(origin: str, host: str) -> bool:
    """Whether a page that this service served sent the request, as `Host` names it; only the scheme may differ."""
    scheme, _, authority = origin.partition("://")
    port = DEFAULT_PORTS.get(scheme, "")
    return bool(host) and _with_port(authority, port) == _with_port(host.lower(), port)


def _with_port(authority: str, default: str) -> str:
    return authority if PORT.search(authority) else f"{authority}:{default}"
