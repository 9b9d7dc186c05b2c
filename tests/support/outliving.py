"""URLs of uploads that are used once more when everything is over, and what must not come of that."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import pytest

from app.modules.files.services import cleanup
from tests import samples
from tests.support.direct import begin, complete, send
from tests.support.service import wait_until
from tests.support.stores import Bucket, Registry

PDF = samples.pdf()
# As long as what was declared: the length is signed.
EVIL = b"%PDF-1.4 evil".ljust(len(PDF), b" ")
LONGEST_SECONDS = 604_800
# Looks for leftovers all the time; a URL's end is followed by the last look one second later.
QUICK = {"upload": {"cleanup_interval_seconds": 0.1, "longest_transfer_seconds": 1}, "outbox": {"poll_seconds": 0.1}}


@contextmanager
def quick_client(start_service, **groups):
    """A client of a service that doesn't let leftovers lie."""
    with pytest.MonkeyPatch.context() as patch, start_service(**QUICK, **groups) as service:
        patch.setattr(cleanup, "PART_PAUSE", timedelta(seconds=1))
        wait_until(lambda: service.app.state.capabilities.is_learned, timeout_seconds=60)
        with service.client("alice") as client:
            yield client


@dataclass
class Outliving:
    """One upload, the requests that its URLs allow, and every URL that reads, as long as any of them lives."""

    client: httpx.Client
    registry: Registry
    bucket: Bucket
    method: str
    upload: dict
    writes: list[Callable[[], httpx.Response]]
    reads: list[str] = field(default_factory=list)

    @classmethod
    def begun(cls, client: httpx.Client, registry: Registry, bucket: Bucket, method: str, **wish) -> Outliving:
        """Begin it, and note what can be sent for the next seven days."""
        upload = begin(client, PDF, "report.pdf", method=method, expiry=LONGEST_SECONDS, **wish)
        return cls(client, registry, bucket, method, upload, list(_writes(client, upload)))

    @property
    def file_id(self) -> str:
        return self.upload["file"]["id"]

    def finish(self, content: bytes = PDF) -> httpx.Response:
        """Send and complete; remember the URL that reads it, if it can be read."""
        send(self.client, self.upload, content)
        answer = complete(self.client, self.upload)
        if answer.status_code == 200:
            self.note_read_url()
        return answer

    def note_read_url(self) -> None:
        """Have a URL signed that reads the file for as long as the test takes."""
        answer = self.client.get(f"/files/{self.file_id}/presigned-url", params={"expiry": 3600})
        assert answer.status_code == 200, answer.text
        self.reads.append(answer.json()["url"])

    def write_late(self) -> list[int]:
        """Send other bytes by every URL that there is; whatever the store answers."""
        return [write().status_code for write in self.writes]

    def readable(self) -> list[bytes]:
        """All that anybody gets, by the service or by a URL that it ever signed."""
        found = [httpx.get(url) for url in self.reads]
        found.append(self.client.get(f"/files/{self.file_id}/download"))
        redirected = self.client.get(f"/files/{self.file_id}/download", params={"redirect": True})
        found += [httpx.get(redirected.headers["Location"])] if redirected.status_code == 307 else []
        found += [httpx.get(write_url) for write_url in self.written_urls]
        return [answer.content for answer in found if answer.is_success]

    @property
    def written_urls(self) -> list[str]:
        """The URLs that write: with another method they are good for nothing."""
        return [url for url in [self.upload["upload"].get("url")] if url]

    def evil_keys(self) -> set[str]:
        """Under which keys that the file ever had the late bytes lie; there are no URLs for any others."""
        rows = self.registry.rows("SELECT key FROM stored_objects WHERE file_id = $1", self.file_id)
        return {row["key"] for row in rows if self._is_evil(row["key"])}

    def _is_evil(self, key: str) -> bool:
        try:
            return self.bucket.read(key) == EVIL
        except self.bucket.client.exceptions.NoSuchKey:
            return False

    def states(self) -> set[str]:
        """Of all objects that the file ever had."""
        rows = self.registry.rows("SELECT state FROM stored_objects WHERE file_id = $1", self.file_id)
        return {row["state"] for row in rows}

    def wait_until_given_up_objects_are_gone(self) -> None:
        """Whatever was due at once has been removed once; what is left waits for the URL's end."""
        due = "SELECT 1 FROM outbox WHERE subject = $1 AND (attempts > 0 OR due_at <= now())"
        wait_until(lambda: not self.registry.rows(due, self.file_id))

    def end_urls(self) -> None:
        """Let the clock stand at the end of the URLs' lives: to the registry they were begun seven days ago."""
        self.wait_until_given_up_objects_are_gone()
        rows = self.registry.rows
        rows("UPDATE upload_sessions SET expires_at = now() WHERE file_id = $1", self.file_id)
        rows(
            "UPDATE stored_objects SET url_expires_at = now(),"
            " lease_expires_at = CASE WHEN state = 'stored' THEN NULL ELSE now() END WHERE file_id = $1",
            self.file_id,
        )
        rows("UPDATE outbox SET due_at = now() WHERE subject = $1 AND attempts = 0", self.file_id)


def _writes(client: httpx.Client, upload: dict):
    """Requests that write other bytes, each by a URL that was signed before anything was sent."""
    told = upload["upload"]
    if told["method"] == "put":
        yield lambda: httpx.put(told["url"], headers=told["headers"], content=EVIL)
    elif told["method"] == "post":
        yield lambda: httpx.post(told["url"], data=told["fields"], files={"file": ("f", EVIL)})
    else:
        signed = client.post(f"/files/uploads/{upload['file']['id']}/parts", json={"part_numbers": [1]})
        assert signed.status_code == 200, signed.text
        [part] = signed.json()["parts"]
        yield lambda: httpx.put(part["url"], headers=part["headers"], content=EVIL)


def hard_delete(each: Outliving) -> None:
    assert each.finish().status_code == 200
    assert each.client.delete(f"/files/{each.file_id}", params={"hard_delete": True}).status_code == 204


def soft_delete_and_restore(each: Outliving) -> None:
    assert each.finish().status_code == 200
    assert each.client.delete(f"/files/{each.file_id}").status_code == 204
    assert each.client.post(f"/files/{each.file_id}/restore").status_code == 200


def replace(each: Outliving) -> None:
    assert each.finish().status_code == 200
    answer = each.client.put(f"/files/{each.file_id}/content", content=PDF + b"\n")
    assert answer.status_code == 200, answer.text
    each.note_read_url()


def complete_only(each: Outliving) -> None:
    assert each.finish().status_code == 200


def reject(each: Outliving) -> None:
    assert each.finish(samples.HTML.ljust(len(PDF), b" ")).json()["code"] == "upload_rejected"


def abort(each: Outliving) -> None:
    send(each.client, each.upload, PDF)
    assert each.client.delete(f"/files/uploads/{each.file_id}").status_code == 204


def abort_unsent(each: Outliving) -> None:
    assert each.client.delete(f"/files/uploads/{each.file_id}").status_code == 204


ENDS: dict[str, Callable[[Outliving], None]] = {
    "completion": complete_only,
    "rejection": reject,
    "abort": abort,
    "abort before anything was sent": abort_unsent,
    "hard delete": hard_delete,
    "soft delete and restore": soft_delete_and_restore,
    "replacement": replace,
}
