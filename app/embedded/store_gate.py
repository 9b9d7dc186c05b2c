"""Guards the embedded S3 server (MiniStack) inside its own process; run by path with that server's Python.

    python -I store_gate.py

MiniStack alone trusts everybody who can connect: `POST /_ministack/reset` needs no credentials, and it never checks
the signature of a request that names the access key `test` or twelve digits. The gate stands in front of its ASGI
application and lets through only what this service and its clients send:

- `Host` is a loopback name, or one of `GATE_HOSTS` (comma-separated);
- the root key, whose random id is known to the launcher alone, calls IAM and nothing else;
- an access key that IAM has issued calls S3, on buckets that exist or are being made. MiniStack checks its signature;
- without a key: preflights, and upload forms, whose signed policy MiniStack checks.

It imports nothing of `app`, which the store's environment doesn't have.
"""

from __future__ import annotations

import importlib
import ipaddress
import os
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

CREDENTIAL = r"(?P<key>[A-Z0-9]{16,64})/[0-9]{8}/[a-z0-9-]+/(?P<service>s3|iam)/aws4_request"
AUTHORIZATION = re.compile(
    rf"AWS4-HMAC-SHA256 Credential={CREDENTIAL}, ?SignedHeaders=[a-z0-9;-]+, ?Signature=[0-9a-f]{{64}}"
)
QUERY_CREDENTIAL = re.compile(CREDENTIAL)
# IAM gives such ids. The ids that MiniStack trusts unchecked (`test`, twelve digits, nothing) look otherwise.
ISSUED = re.compile(r"AKIA[A-Z0-9]{16}")
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# Any of these makes a request count as signed in its address; `action` leads MiniStack to other services.
QUERY_SIGNATURE = frozenset(
    {"x-amz-algorithm", "x-amz-credential", "x-amz-signature", "awsaccesskeyid", "signature", "action"}
)
ANSWER = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
CLOSED_BY_POLICY = 1008  # WebSocket's code


class Refusal(NamedTuple):
    """An answer in S3's shape instead of what was asked for."""

    status: int
    code: str
    message: str


Rule = Callable[[Scope], Refusal | None]


def denied(message: str) -> Refusal:
    """403 as S3 says it."""
    return Refusal(403, "AccessDenied", message)


class StoreGate:
    """Asks each rule before a request reaches the store.

    Args:
        app: the store.
        rules: the first one that refuses answers. A rule sees the head of a request, never its body.
    """

    def __init__(self, app: ASGIApp, rules: Iterable[Rule]) -> None:
        self._app = app
        self._rules = tuple(rules)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what no rule refuses."""
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": CLOSED_BY_POLICY})
            return
        if scope["type"] == "http":
            for rule in self._rules:
                refusal = rule(scope)
                if refusal is not None:
                    await _answer(refusal, scope["method"], send)
                    return
        await self._app(scope, receive, send)


class KnownHosts:
    """Refuses every `Host` but loopback names and those that are given: others choose MiniStack's other services."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(name.lower() for name in names)

    def __call__(self, scope: Scope) -> Refusal | None:
        """One refusal, or none."""
        hosts = _values(scope, b"host")
        name = re.sub(r":[0-9]{1,5}$", "", hosts[0].lower()).strip("[]") if len(hosts) == 1 else ""
        if name == "localhost" or name in self._names or _is_loopback(name):
            return None
        return denied("This store answers to loopback names only.")


class KnownCallers:
    """Refuses who shows none of our keys, and whatever is neither S3 nor the launcher's IAM.

    Args:
        root_key_id: a secret, since MiniStack doesn't check the signature of this key.
        is_bucket: whether a bucket of that name exists.
    """

    def __init__(self, root_key_id: str, is_bucket: Callable[[str], bool]) -> None:
        self._root_key_id = root_key_id
        self._is_bucket = is_bucket

    def __call__(self, scope: Scope) -> Refusal | None:
        """One refusal, or none."""
        query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        is_query_signed = any(name.lower() in QUERY_SIGNATURE for name, _ in query)
        authorizations = _values(scope, b"authorization")
        if _values(scope, b"x-amz-target") or (authorizations and is_query_signed) or len(authorizations) > 1:
            return denied("This is no request to S3.")
        if authorizations:
            shown = AUTHORIZATION.fullmatch(authorizations[0])
        elif is_query_signed:
            shown = _query_credential(query)
        else:
            return self._anonymous(scope)
        if shown is None:
            return denied("Sign the request with an access key of this store (AWS4-HMAC-SHA256).")
        if shown["service"] == "s3" and ISSUED.fullmatch(shown["key"]):
            return self._on_buckets(scope)
        is_launcher = shown["service"] == "iam" and shown["key"] == self._root_key_id
        if is_launcher and (scope["method"], scope["path"]) == ("POST", "/"):
            return None
        return denied("This access key may not ask for that.")

    def _anonymous(self, scope: Scope) -> Refusal | None:
        bucket, _, key = scope["path"].lstrip("/").partition("/")
        if scope["method"] == "POST":
            kinds = _values(scope, b"content-type")
            is_form = len(kinds) == 1 and kinds[0].lower().startswith("multipart/form-data;")
            is_allowed = is_form and not key and not scope.get("query_string")
        else:
            is_allowed = scope["method"] == "OPTIONS" and bool(_values(scope, b"access-control-request-method"))
        return None if is_allowed and self._is_bucket(bucket) else denied("Sign the request.")

    def _on_buckets(self, scope: Scope) -> Refusal | None:
        """Nothing but the list of buckets, and what lies below one: other paths lead to MiniStack's own routes."""
        method, path = scope["method"], scope["path"]
        bucket, _, key = path[1:].partition("/")
        is_made = method == "PUT" and not key and BUCKET.fullmatch(bucket) is not None
        if (path == "/" and method == "GET") or is_made or self._is_bucket(bucket):
            return None
        return Refusal(404, "NoSuchBucket", "The specified bucket does not exist")


def _query_credential(query: list[tuple[str, str]]) -> re.Match[str] | None:
    """The credential of a presigned address, if it has exactly what SigV4 asks for, once and so spelt."""
    found: dict[str, list[str]] = {}
    for name, value in query:
        found.setdefault(name.lower(), []).append(value)
    names = [name for name, _ in query]
    if not {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature"} <= set(names):
        return None
    if any(len(found[name]) != 1 for name in ("x-amz-algorithm", "x-amz-credential", "x-amz-signature")):
        return None
    if found["x-amz-algorithm"] != ["AWS4-HMAC-SHA256"] or found.keys() & {"awsaccesskeyid", "signature", "action"}:
        return None
    credential = QUERY_CREDENTIAL.fullmatch(found["x-amz-credential"][0])
    return credential if credential and credential["service"] == "s3" else None


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for found, value in scope["headers"] if found.lower() == name]


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


async def _answer(refusal: Refusal, method: str, send: Send) -> None:
    body = ANSWER.format(code=refusal.code, message=refusal.message).encode()
    headers = [(b"content-type", b"application/xml"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})


def main() -> None:
    """Serve MiniStack behind the gate, with the settings that it takes from its environment."""
    gateway: Any = importlib.import_module("ministack.app")
    s3: Any = importlib.import_module("ministack.services.s3")
    known = KnownCallers(os.environ["AWS_ACCESS_KEY_ID"], lambda name: s3._bucket_owner_account(name) is not None)  # noqa: SLF001
    names = filter(None, os.environ.get("GATE_HOSTS", "").split(","))
    # `main` serves whatever stands under this name.
    gateway.app = StoreGate(gateway.app, (KnownHosts(names), known))
    gateway.main()


if __name__ == "__main__":
    main()
