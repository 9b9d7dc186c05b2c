"""What lies about right after a kill, by SQL and by listing the bucket: which steps did it hit?"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from tests.faults.lane import Lane
from tests.faults.witness import PENDING, Request

OBJECTS = """
    SELECT o.id, o.key, o.file_id, o.role, o.state, o.upload_id, o.lease_token IS NOT NULL AS is_ours,
           o.lease_expires_at < now() AS is_overdue
    FROM stored_objects o WHERE o.state IN ('reserved', 'removing') OR o.file_id = ANY($1)
"""
FILES = "SELECT id, filename, status, folder FROM file_uploads WHERE id = ANY($1) OR filename = ANY($2)"
ENTRIES = "SELECT subject, topic, payload, attempts, due_at <= now() OR attempts > 0 AS is_due FROM outbox"


@dataclass
class Scene:
    """A look at registry and bucket."""

    files: list[dict]
    objects: list[dict]
    entries: list[dict]
    keys: set[str]
    parts: dict[str, int]

    @classmethod
    def of(cls, lane: Lane) -> Scene:
        """Look; nobody may be writing."""
        requests = lane.witness.requests
        names = [request.filename for request in requests if request.filename]
        ids = [UUID(request.file_id) for request in requests if request.file_id]
        files = lane.registry.rows(FILES, ids, names)
        objects = lane.registry.rows(OBJECTS, [*ids, *(file["id"] for file in files)])
        unfinished = lane.bucket.client.list_multipart_uploads(Bucket=lane.bucket.name).get("Uploads", [])
        parts = {
            upload["Key"]: len(
                lane.bucket.client.list_parts(
                    Bucket=lane.bucket.name, Key=upload["Key"], UploadId=upload["UploadId"]
                ).get("Parts", [])
            )
            for upload in unfinished
        }
        return cls(files, objects, lane.registry.rows(ENTRIES), lane.bucket.all_keys(), parts)

    def steps(self, requests: set[Request]) -> set[str]:
        """The names of all steps of unfinished work; empty where a kill hit none."""
        changing = [request for request in requests if request.filename or request.file_id]
        found = {f"{request.operation}: {self._step(request)}" for request in changing}
        known = {request.file_id for request in requests}
        for entry in self.entries:
            if entry["is_due"] and str(entry["subject"]) not in known:
                at_work = "at work" if entry["attempts"] else "waiting"
                found.add(f"outbox: {at_work}, {self._bytes_of(entry['subject'])}")
        named = {request.filename for request in requests}
        busy = {file["id"] for file in self.files if file["filename"] in named or str(file["id"]) in known}
        for stored in self.objects:
            if stored["state"] == "reserved" and stored["is_ours"] and stored["file_id"] not in busy:
                what = "moving aside" if stored["role"] == "quarantine" else "leftover of an earlier kill"
                found.add(f"{what}: {self._written(stored)}")
        return found

    def _step(self, request: Request) -> str:
        file = next((each for each in self.files if request.file_id == str(each["id"])), None)
        if request.filename:
            file = next((each for each in self.files if request.filename == each["filename"]), None)
            return "before its reservation" if file is None else self._creation(file)
        if "complete" in request.operation:
            return self._completion(file)
        if "replace" in request.operation and file is not None:
            written = self._reserved(file["id"])
            return self._written(written) if written else self._changed(file, request)
        if file is None:
            return f"committed, {self._bytes_of(UUID(request.file_id))}"
        return self._changed(file, request)

    def _creation(self, file: dict) -> str:
        reserved = self._reserved(file["id"])
        if reserved is None:
            return "flipped, not answered"
        if reserved["is_ours"]:
            return self._written(reserved)
        return f"reserved for a client, {self._begun(reserved)}, not answered"

    def _completion(self, file: dict | None) -> str:
        if file is None or file["status"] != PENDING:
            return "flipped, not answered"
        copied = next((each for each in self._of(file["id"]) if each["state"] == "reserved" and each["is_ours"]), None)
        if copied:
            return f"copy from staging {self._written(copied)}"
        client_written = self._reserved(file["id"])
        return self._written(client_written) if client_written else "before its reservation"

    def _changed(self, file: dict, request: Request) -> str:
        views = {(view.status, view.folder) for view in request.before}
        is_same = (file["status"], file["folder"]) in views
        if "replace" in request.operation:
            at_work = any(entry["subject"] == file["id"] for entry in self.entries)
            return "flipped, old bytes still to be removed" if at_work else "before its reservation or all done"
        return "not committed" if is_same else "committed, not answered"

    def _of(self, file_id: UUID) -> list[dict]:
        return [each for each in self.objects if each["file_id"] == file_id]

    def _reserved(self, file_id: UUID) -> dict | None:
        return next((each for each in self._of(file_id) if each["state"] == "reserved"), None)

    def _written(self, stored: dict) -> str:
        if stored["key"] in self.keys:
            return "written, not flipped"
        if stored["key"] in self.parts:
            if stored["upload_id"] is None:
                return "multipart begun, its id unknown"
            return "parts in flight" if self.parts[stored["key"]] else "multipart begun, no part yet"
        return "reserved, nothing written"

    def _begun(self, stored: dict) -> str:
        written = self._written(stored)
        return "nothing begun" if written == "reserved, nothing written" else written

    def _bytes_of(self, file_id: UUID) -> str:
        mine = self._of(file_id)
        removing = [each for each in mine if each["state"] == "removing"]
        if not removing:
            return "bytes gone and noted"
        is_there = any(each["key"] in self.keys or each["key"] in self.parts for each in removing)
        return "bytes still there" if is_there else "bytes gone, not noted"
