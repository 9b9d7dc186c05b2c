"""A small identity provider: publishes a key set over real HTTP, counts who asks, and fails as it's told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.support.tokens import claims


class SigningKey:
    """A key pair of a provider."""

    def __init__(self, key_id: str, algorithm: str = "ES256", *, bits=2048, curve=ec.SECP256R1) -> None:
        self.key_id, self.algorithm = key_id, algorithm
        is_rsa = algorithm.startswith("RS")
        self.private = rsa.generate_private_key(65537, bits) if is_rsa else ec.generate_private_key(curve())
        self._kind = RSAAlgorithm if is_rsa else ECAlgorithm

    def jwk(self, **changes) -> dict:
        """As it is published; None takes a member out."""
        published = self._kind.to_jwk(self.private.public_key(), as_dict=True)
        return self._named(published, changes)

    def private_jwk(self) -> dict:
        """As it should never be published."""
        return self._named(self._kind.to_jwk(self.private, as_dict=True), {})

    def _named(self, members: dict, changes: dict) -> dict:
        return _without_none(members | {"kid": self.key_id, "use": "sig", "alg": self.algorithm} | changes)

    def token(self, *, header: dict | None = None, **changes) -> str:
        """A good token with some claims changed."""
        headers = _without_none({"kid": self.key_id} | (header or {}))
        return jwt.encode(claims(**changes), self.private, algorithm=self.algorithm, headers=headers)


def _without_none(values: dict) -> dict:
    return {name: value for name, value in values.items() if value is not None}


class IdentityProvider:
    """What it publishes, how it answers, and how often it was asked.

    `fail` makes it answer otherwise, `content` says something else, a cleared `hold` keeps all callers waiting.
    """

    def __init__(self, *keys: SigningKey) -> None:
        self.url = ""
        self.requests: list[str] = []
        self.hold = threading.Event()
        self.hold.set()
        self.recover()
        self.publish(*keys)

    def publish(self, *keys: SigningKey | dict) -> None:
        items = [key.jwk() if isinstance(key, SigningKey) else key for key in keys]
        self.content = json.dumps({"keys": items}).encode()

    def fail(self, status: int = 503, *, headers: dict[str, str] | None = None) -> None:
        self.status, self.headers = status, headers or {}

    def recover(self) -> None:
        self.status, self.headers = 200, {}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, _request, _client_address) -> None:
        """Whoever doesn't read to the end means it."""


@contextmanager
def serving(provider: IdentityProvider) -> Iterator[IdentityProvider]:
    """Publish until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.requests.append(self.path)
            provider.hold.wait(20)
            self.send_response(provider.status)
            for name, value in provider.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(provider.content)))
            self.end_headers()
            self.wfile.write(provider.content)

        def log_message(self, *_arguments) -> None:
            """Nothing on the test's output."""

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    provider.url = f"http://127.0.0.1:{server.server_port}/.well-known/jwks.json"
    try:
        yield provider
    finally:
        provider.hold.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
