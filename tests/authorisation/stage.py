"""Five files of alice's, one in each state, made the way users bring them there; and everybody who asks for them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import httpx
import jwt

from tests.authorisation.table import CALLERS
from tests.support.direct import begin, complete, send_parts
from tests.support.service import SECRET
from tests.support.stores import Registry

CONTENT = b"what everybody asks for"
OTHER_SCOPE = {"r": {"files:write"}, "w": {"files:read"}, "-": set()}
GRANTS = {"user:reader": "read", "user:writer": "write", "group:readers": "read"}
STATE = "SELECT status, version, owner_id, is_public, folder FROM file_uploads WHERE id = $1"


@dataclass
class Callers:
    """The credentials of everybody."""

    service: object
    revoked: str

    def headers(self, caller: str, scope: str) -> dict[str, str]:
        token = {
            "anonymous": lambda: None,
            "owner": lambda: self.service.token("alice"),
            "member": lambda: _in_group("member", "readers"),
            "admin": lambda: self.service.token("root", scopes={"files:admin"}),
            "expired": lambda: self.service.token("alice", ttl_seconds=-3600),
            "unscoped": lambda: self.service.token("alice", scopes=OTHER_SCOPE[scope]),
            "revoked": lambda: self.revoked,
        }.get(caller, lambda: self.service.token(caller))()
        return {} if token is None else {"Authorization": f"Bearer {token}"}


def _in_group(subject: str, group: str) -> str:
    return jwt.encode({"sub": subject, "exp": int(time.time()) + 600, "groups": [group]}, SECRET, "HS256")


def revoked_key(alice: httpx.Client) -> str:
    created = alice.post("/keys", json={"name": "revoked"}).json()
    assert alice.delete(f"/keys/{created['id']}").status_code == 204
    return created["key"]


@dataclass
class Stage:
    """The files, each as it was made, or made anew.

    Args:
        alice: owns them.
        registry: tells whether they are still as they were.
    """

    alice: httpx.Client
    registry: Registry
    _files: dict[str, tuple[str, dict]] = field(default_factory=dict)

    def file(self, state: str) -> str:
        """The id of the file in this state."""
        if state not in self._files:
            file_id = self._make(state)
            self._files[state] = (file_id, self._seen(file_id))
        return self._files[state][0]

    def renew(self, state: str) -> None:
        """Something was done with it; the next one who asks gets another."""
        self._files.pop(state)

    def changed(self) -> list[str]:
        """The states whose file isn't as it was made, though nobody was told that anything was done."""
        return [state for state, (file_id, made) in self._files.items() if self._seen(file_id) != made]

    def _seen(self, file_id: str) -> dict:
        [row] = self.registry.rows(STATE, file_id)
        return dict(row)

    def _make(self, state: str) -> str:
        declared = {"content_type": "image/png"} if state == "rejected" else {"content_type": "text/plain"}
        name = "picture.png" if state == "rejected" else "notes.txt"
        upload = begin(self.alice, CONTENT, name, method="multipart", is_public=state == "public", **declared)
        file_id = upload["file"]["id"]
        if state != "pending":
            send_parts(self.alice, upload, CONTENT, [1])
            assert complete(self.alice, upload).status_code == (409 if state == "rejected" else 200)
        for principal, access in GRANTS.items():
            self.alice.put(f"/files/{file_id}/grants/{principal}", json={"access": access})
        if state == "deleted":
            assert self.alice.delete(f"/files/{file_id}").status_code == 204
        return file_id


__all__ = ["CALLERS", "CONTENT", "Callers", "Stage", "revoked_key"]
