"""Which requests get through to the embedded store; everything else is refused before the store sees it."""

from __future__ import annotations

import pytest

from app.embedded.store_gate import KnownCallers, KnownHosts, StoreGate

ROOT_KEY, OUR_KEY = "ROOT0123456789ABCDEF0123", "AKIA0123456789ABCDEF"
HOST = ("host", "127.0.0.1:4566")
BUCKETS = {"holdfast"}


def authorization(key: str = OUR_KEY, service: str = "s3", *, signature: str = "0" * 64) -> tuple[str, str]:
    scope = f"{key}/20261130/us-east-1/{service}/aws4_request"
    return "Authorization", f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={signature}"


def presigned(key: str = OUR_KEY, service: str = "s3", *, more: str = "") -> str:
    credential = f"{key}%2F20261130%2Fus-east-1%2F{service}%2Faws4_request"
    return f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Signature={'0' * 64}{more}"


PREFLIGHT = ("Access-Control-Request-Method", "PUT")
FORM = ("Content-Type", "multipart/form-data; boundary=x")
# Method, address, headers.
PASSED = {
    "a read": ("GET", "/holdfast/a.txt", [authorization()]),
    "a listing": ("GET", "/holdfast?list-type=2", [authorization()]),
    "a removal": ("DELETE", "/holdfast/a.txt", [authorization()]),
    "the list of buckets": ("GET", "/", [authorization()]),
    "a new bucket": ("PUT", "/another-bucket", [authorization()]),
    "a presigned read": ("GET", f"/holdfast/a.txt?{presigned()}", []),
    "a presigned write": ("PUT", f"/holdfast/a.txt?{presigned(more='&partNumber=1')}", []),
    "an upload form": ("POST", "/holdfast", [FORM]),
    "a preflight": ("OPTIONS", "/holdfast/a.txt", [PREFLIGHT]),
    "a preflight of a presigned write": ("OPTIONS", f"/holdfast/a.txt?{presigned()}", [PREFLIGHT]),
    "the launcher at IAM": ("POST", "/", [authorization(ROOT_KEY, "iam")]),
}
REFUSED = {
    "the reset route": ("POST", "/_ministack/reset", []),
    "the reset route as a form": ("POST", "/_ministack/reset", [FORM]),
    "the reset route's preflight": ("OPTIONS", "/_ministack/reset", [PREFLIGHT]),
    "another service by its header": ("POST", "/", [authorization(), ("X-Amz-Target", "DynamoDB_20120810.ListTables")]),
    "another service by its scope": ("POST", "/", [authorization(service="dynamodb")]),
    "another service by its action": ("GET", f"/holdfast/a.txt?{presigned(more='&Action=ListUsers')}", []),
    "our key at IAM": ("POST", "/", [authorization(service="iam")]),
    "the root key at S3": ("GET", "/holdfast/a.txt", [authorization(ROOT_KEY)]),
    "a presigned address of the root key": ("GET", f"/holdfast/a.txt?{presigned(ROOT_KEY)}", []),
    "the root key at IAM by address": ("POST", f"/?{presigned(ROOT_KEY, 'iam')}", []),
    "the key that MiniStack trusts": ("GET", "/holdfast/a.txt", [authorization("test")]),
    "an account's number": ("GET", "/holdfast/a.txt", [authorization("000000000000")]),
    "no key": ("GET", "/holdfast/a.txt", [authorization("")]),
    "nothing": ("GET", "/holdfast/a.txt", []),
    "a removal by nobody": ("DELETE", "/holdfast/a.txt", []),
    "a form to an object": ("POST", "/holdfast/a.txt", [FORM]),
    "a form that is none": ("POST", "/holdfast?delete", [FORM]),
    "a post that is no form": ("POST", "/holdfast", [("Content-Type", "text/plain")]),
    "OPTIONS that are no preflight": ("OPTIONS", "/holdfast/a.txt", []),
    "version 2": ("GET", "/holdfast/a.txt", [("Authorization", f"AWS {OUR_KEY}:x")]),
    "version 2 in the address": ("GET", f"/holdfast/a.txt?AWSAccessKeyId={OUR_KEY}&Signature=x&Expires=9", []),
    "two signatures": ("GET", "/holdfast/a.txt", [authorization(), authorization("test")]),
    "two signatures in two places": ("GET", f"/holdfast/a.txt?{presigned()}", [authorization()]),
    "two credentials": ("GET", f"/holdfast/a.txt?{presigned(more='&x-amz-credential=test')}", []),
    "a signature that is none": ("GET", "/holdfast/a.txt", [authorization(signature="0")]),
}
MISSING = {
    "the reset route with our key": ("POST", "/_ministack/reset", [authorization()]),
    "the reset route with a presigned address": ("POST", f"/_ministack/reset?{presigned()}", []),
    "the health route": ("GET", "/health", [authorization()]),
    "another path of theirs": ("GET", "/v2/", [authorization()]),
    "a bucket that isn't there": ("HEAD", "/elsewhere", [authorization()]),
    "no proper name for a bucket": ("PUT", "/_ministack", [authorization()]),
}


class Store:
    """What stands behind the gate, and tells what reached it."""

    def __init__(self) -> None:
        self.reached = []
        known = KnownCallers(ROOT_KEY, BUCKETS.__contains__)
        self.gate = StoreGate(self, (KnownHosts(["files.example.com"]), known))

    async def __call__(self, scope, _receive, _send) -> None:
        self.reached.append(scope["type"])

    async def asked(self, method: str, address: str, headers, *, kind: str = "http") -> list[dict]:
        """The messages of the gate's own answer."""
        path, _, query = address.partition("?")
        raw = [(name.lower().encode(), value.encode()) for name, value in headers]
        scope = {"type": kind, "method": method, "path": path, "query_string": query.encode(), "headers": raw}
        sent: list[dict] = []

        async def receive() -> dict:
            return {"type": "websocket.connect"}

        async def send(message: dict) -> None:
            sent.append(message)

        await self.gate(scope, receive, send)
        return sent


@pytest.mark.parametrize("request_", PASSED.values(), ids=PASSED)
async def test_what_the_service_and_its_clients_send_gets_through(request_):
    store = Store()
    method, address, headers = request_
    assert await store.asked(method, address, [HOST, *headers]) == []
    assert store.reached == ["http"]


@pytest.mark.parametrize(
    ("request_", "status"),
    [(request_, 403) for request_ in REFUSED.values()] + [(request_, 404) for request_ in MISSING.values()],
    ids=[*REFUSED, *MISSING],
)
async def test_everything_else_is_refused_in_s3s_own_words(request_, status):
    store = Store()
    method, address, headers = request_
    start, body = await store.asked(method, address, [HOST, *headers])
    assert store.reached == []
    assert start["status"] == status
    assert body["body"] == b"" if method == "HEAD" else b"<Error><Code>" in body["body"]


@pytest.mark.parametrize("host", ["localhost:4566", "127.0.0.1", "127.8.9.1:1", "[::1]:4566", "Files.Example.com"])
async def test_loopback_and_given_names_are_ours(host):
    store = Store()
    assert await store.asked("GET", "/", [("host", host), authorization()]) == []


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        ["evil.example"],
        ["a.localhost"],
        ["abc.execute-api.localhost:4566"],
        ["10.0.0.1"],
        ["localhost"] * 2,
    ],
    ids=str,
)
async def test_other_names_lead_nowhere(hosts):
    store = Store()
    start, _ = await store.asked("GET", "/", [*(("host", host) for host in hosts), authorization()])
    assert (start["status"], store.reached) == (403, [])


async def test_there_are_no_websockets():
    store = Store()
    assert await store.asked("", "/", [HOST], kind="websocket") == [{"type": "websocket.close", "code": 1008}]
    assert store.reached == []
    await store.asked("", "", [], kind="lifespan")
    assert store.reached == ["lifespan"]
