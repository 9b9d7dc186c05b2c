"""SigV4 in a URL's query, as botocore writes it: all that the URLs of one answer share is laid out once.

Written after botocore's `S3SigV4QueryAuth`, whose equality the tests demand byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote

from botocore.auth import SIGV4_TIMESTAMP, UNSIGNED_PAYLOAD, SigV4Auth
from botocore.credentials import ReadOnlyCredentials

from app.config import SIGV4_MAX_EXPIRY_SECONDS


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a client sends; it does nothing else.

    Args:
        method: of HTTP.
        url: works until `expires_at`, or until the credentials that signed it end if they do so earlier.
        headers: what client code has to set itself, exact values. `Host` and `Content-Length` are signed
            too but not among them: every client sends them, and browsers forbid setting them.
        expires_at: in UTC, whole seconds, as the store reckons it.
    """

    method: str
    url: str
    headers: dict[str, str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Address:
    """Where a bucket answers and what its signatures are bound to.

    Args:
        origin: scheme, host and port as they stand in URLs.
        path: what comes before the slash of a key; empty where the bucket is part of the host.
        host: the `Host` header as it is signed: lower case, without a default port.
        region: of the signature, not always the client's.
        service: of the signature.
    """

    origin: str
    path: str
    host: str
    region: str
    service: str


class Stamp:
    """One key, one moment, one lifetime.

    Args:
        address: of the bucket.
        credentials: botocore's frozen ones, with or without a session token.
        moment: when the URLs' life begins, in UTC; fractions of a second are cut off.
        ttl_seconds: 1 to 604,800.

    Raises:
        ValueError: S3 would refuse this lifetime; boto3 signs any.
    """

    def __init__(self, address: Address, credentials: ReadOnlyCredentials, moment: datetime, ttl_seconds: int) -> None:
        if not 1 <= ttl_seconds <= SIGV4_MAX_EXPIRY_SECONDS:
            message = f"a signed URL lives 1 to {SIGV4_MAX_EXPIRY_SECONDS} seconds, not {ttl_seconds}"
            raise ValueError(message)
        timestamp = moment.strftime(SIGV4_TIMESTAMP)
        day = timestamp[:8]
        scope = f"{day}/{address.region}/{address.service}/aws4_request"
        self.expires_at = moment.replace(microsecond=0) + timedelta(seconds=ttl_seconds)
        self._address = address
        self._claims = (
            f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={_encoded(f'{credentials.access_key}/{scope}')}"
            f"&X-Amz-Date={timestamp}&X-Amz-Expires={ttl_seconds}"
        )
        self._token = "" if credentials.token is None else f"&X-Amz-Security-Token={_encoded(credentials.token)}"
        self._head = f"AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n"
        self._key = _signing_key(credentials.secret_key, day, address.region, address.service)

    def sign(self, method: str, path: str, headers: Mapping[str, str], parameters: Sequence[str] = ()) -> SignedRequest:
        """Sign one request, every header of it.

        Args:
            method: of HTTP.
            path: encoded, as `path_of` makes it.
            headers: without `Host`; names in any case.
            parameters: encoded `name=value` in the order of the URL, names in lower case.
        """
        values = {name.lower(): value for name, value in headers.items()}
        values["host"] = self._address.host
        names = sorted(values)
        signed = ";".join(names)
        signed_claim = f"&X-Amz-SignedHeaders={signed.replace(';', '%3B')}"
        # The canonical query is sorted: our X-Amz-* come before all names in lower case.
        query = "&".join([f"{self._claims}{self._token}{signed_claim}", *sorted(parameters)])
        lines = "\n".join([f"{name}:{' '.join(values[name].split())}" for name in names])
        canonical = f"{method}\n{path}\n{query}\n{lines}\n\n{signed}\n{UNSIGNED_PAYLOAD}"
        signature = _hmac(self._key, self._head + sha256(canonical.encode()).hexdigest(), hex=True)
        own = "&".join([*parameters, self._claims])
        return SignedRequest(
            method,
            f"{self._address.origin}{path}?{own}{signed_claim}{self._token}&X-Amz-Signature={signature}",
            {name: value for name, value in headers.items() if name.lower() != "content-length"},
            self.expires_at,
        )


def path_of(address: Address, key: str) -> str:
    """The encoded path of an object. S3 takes keys as they are, `//` and `../` included.

    Raises:
        ValueError: the key is empty, which would address the bucket, or not valid Unicode.
    """
    if not key:
        message = "an object's key is not empty"
        raise ValueError(message)
    return f"{address.path}/{quote(key, safe='/~')}"


def parameter(name: str, value: str) -> str:
    """An encoded query parameter."""
    return f"{name}={_encoded(value)}"


def _encoded(value: str) -> str:
    return quote(value, safe="-._~")


# botocore derives the key anew for every URL, which takes longer than all the rest here.
_hmac = SigV4Auth(None, "", "")._sign  # noqa: SLF001 -- its HMAC has no public name, and deriving needs it by itself


@lru_cache(maxsize=16)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """The key of one day, region and service."""
    key = f"AWS4{secret}".encode()
    for word in (day, region, service, "aws4_request"):
        key = _hmac(key, word)
    return key
