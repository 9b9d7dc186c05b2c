"""Real things for generated calls to hit: files, uploads and keys of one caller, made when they are needed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.support.content import noise
from tests.support.direct import begin, put
from tests.support.states import end_pending
from tests.support.uppy import completion, key_of, send_part, signed

CONTENT = b"what generated calls find"
# Half as long as a control token lives.
TOKEN_SECONDS = 300.0
# The least that S3 calls a multipart upload of two parts.
PARTED = noise(5 * 1024 * 1024 + 1)


@dataclass
class Targets:
    """What one caller owns.

    Args:
        client: calls as that caller.
    """

    client: httpx.Client
    _kept: dict[str, str] = field(default_factory=dict)
    _tokens: dict[tuple[str, str], tuple[str, float]] = field(default_factory=dict)

    def file(self) -> str:
        """An available file that is only looked at."""
        return self._keep("looked at", self.fresh_file)

    def grantee(self) -> str:
        """One to whom the file that is only looked at was granted."""
        answer = self.client.put(f"/files/{self.file()}/grants/user:fuzz", json={"access": "read"})
        assert answer.status_code in {200, 201}, answer.text
        return "user:fuzz"

    def changed(self) -> str:
        """An available file that is changed again and again."""
        return self._keep("changed", self.fresh_file)

    def given_up(self) -> str:
        """A file that is deleted again and again; after it is gone for good, another one."""
        return self._keep("given up", self.fresh_file)

    def fresh_file(self) -> str:
        answer = self.client.put("/files/raw/fuzzed.bin", content=CONTENT)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def key(self) -> str:
        """A key that is revoked again and again."""
        return self._keep("key", lambda: self.client.post("/keys", json={"name": "fuzzed"}).json()["id"])

    def open_upload(self) -> str:
        """An upload in two parts that never ends."""
        return self._keep("open upload", self.fresh_multipart)

    def sent_upload(self) -> str:
        """An upload whose bytes have arrived; it can be completed often."""
        return self._keep("sent upload", self._send)

    def fresh_upload(self) -> str:
        return begin(self.client, CONTENT, "fuzzed.bin")["file"]["id"]

    def fresh_multipart(self) -> str:
        return signed(self.client, "POST", key_of(PARTED, "fuzzed.bin"))["key"]

    def completed_multipart(self) -> str:
        """An upload of stock Uppy that was completed; it can be completed often."""
        return self._keep("sent parts", self._send_parts)

    def control_token(self, method: str, upload_id: str) -> str:
        """What the plugin would find in the address of its next call; CREATE for the one that has no upload yet."""
        token, ends = self._tokens.get((method, upload_id), ("", 0.0))
        if ends < time.monotonic():
            url = signed(self.client, method, upload_id, uploadId=upload_id)["url"]
            token = _token_in(url)
            self._keep_token(method, upload_id, token)
        return token

    def forget(self, thing_id: str) -> None:
        """It is gone; the next call gets another one."""
        self._kept = {name: kept for name, kept in self._kept.items() if kept != thing_id}

    def close(self) -> None:
        """End what was begun, here or by a generated call."""
        end_pending(self.client)

    def created_upload(self) -> str:
        """An upload of which stock Uppy hasn't learned the id yet; another one once its token has ended."""
        kept = self._kept.get("created upload", "")
        if self._tokens.get(("CREATE", kept), ("", 0.0))[1] < time.monotonic():
            self.forget(kept)
        return self._keep("created upload", self._create)

    def _keep(self, name: str, make: Callable[[], str]) -> str:
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    def _send(self) -> str:
        upload = begin(self.client, CONTENT, "fuzzed.bin")
        assert put(upload, CONTENT).status_code == 200
        return upload["file"]["id"]

    def _send_parts(self) -> str:
        upload_id = self.fresh_multipart()
        etags = {number: send_part(self.client, upload_id, PARTED, number) for number in (1, 2)}
        url = signed(self.client, "POST", upload_id, uploadId=upload_id)["url"]
        assert self.client.post(url, content=completion(etags)).status_code == 200
        return upload_id

    def _keep_token(self, method: str, upload_id: str, token: str) -> None:
        self._tokens[method, upload_id] = (token, time.monotonic() + TOKEN_SECONDS)

    def _create(self) -> str:
        created = signed(self.client, "POST", key_of(PARTED, "fuzzed.bin"))
        self._keep_token("CREATE", created["key"], _token_in(created["url"]))
        return created["key"]


def _token_in(url: str) -> str:
    return parse_qs(urlsplit(url).query)["token"][0]
