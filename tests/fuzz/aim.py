"""Points generated calls at real things, and says what JSON Schema has no words for.

Ids and tokens are put into every call whose own are well-formed. Where a call is meant to be accepted, two of three
also get values that mean something: dates that lie ahead, folders, names with an extension that is allowed.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable
from typing import Any

from schemathesis import Case
from schemathesis.core.parameters import ParameterLocation

from tests.fuzz.targets import CONTENT, Targets

FILES = "/api/v1/files/{file_id}"
UPLOADS = "/api/v1/files/uploads/{file_id}"
UPPY = "/api/v1/files/uppy/{file_id}"
# Whose id the address gets; all other addresses with a file's id get that of a file that is only looked at.
IDS: dict[str, Callable[[Targets], str]] = {
    f"DELETE {FILES}": Targets.given_up,
    f"PATCH {FILES}": Targets.changed,
    f"PUT {FILES}/content": Targets.changed,
    f"GET {UPLOADS}": Targets.open_upload,
    f"POST {UPLOADS}/parts": Targets.open_upload,
    f"POST {UPLOADS}/complete": Targets.sent_upload,
    f"DELETE {UPLOADS}": Targets.fresh_upload,
    f"POST {UPPY}/create": Targets.created_upload,
    f"GET {UPPY}/parts": Targets.open_upload,
    f"POST {UPPY}/complete": Targets.completed_multipart,
    f"DELETE {UPPY}": Targets.fresh_multipart,
    "DELETE /api/v1/keys/{key_id}": Targets.key,
}
CONTROL = {f"POST {UPPY}/create": "CREATE", f"GET {UPPY}/parts": "GET", f"POST {UPPY}/complete": "POST",
           f"DELETE {UPPY}": "DELETE"}  # fmt: skip
FUTURE, FOLDERS = "2199-12-31T23:59:59Z", ("", "fuzz", "fuzz/2026/Größe", "a b/c-d_e.f")
LEFT_OUT: object = object()


def aim(case: Case, targets: Targets) -> dict[str, Any]:
    """Change `case` in place; returns what is to be sent instead of its body, as arguments of the transport."""
    meta = case.meta
    if meta is None or meta.phase.name == "stateful":
        return {}  # its ids come from answers before it, by the document's links
    label = case.operation.label
    if case.path_parameters and not meta.is_negative_at(ParameterLocation.PATH):
        _aim_address(case, label, targets)
    if not meta.generation.mode.is_positive:
        return {}
    if label in CONTROL:
        token = targets.control_token(CONTROL[label], case.path_parameters["file_id"])
        case.query = {**(case.query or {}), "token": token}
    drawn = zlib.crc32(repr((case.query, case.headers, case.body)).encode())
    if drawn % 8 and case.query:
        case.query.pop("owner_id", None)  # only admins name somebody else
    if drawn % 3 == 0:
        return {}
    case.query = _meant(case.query or {})
    for name in ("If-Match", "if-match", "Idempotency-Key", "If-Unmodified-Since"):
        case.headers.pop(name, None)
    return _aim_body(case, label, targets)


def _aim_address(case: Case, label: str, targets: Targets) -> None:
    parameters = dict(case.path_parameters)
    for name, value in case.path_parameters.items():
        if name.endswith("_id"):
            parameters[name] = IDS.get(label, Targets.file)(targets)
        elif name == "principal" and label.startswith("DELETE"):
            parameters[name] = targets.grantee()
        elif name == "filename" and zlib.crc32(str(value).encode()) % 3:
            parameters[name] = "fuzzed.bin"
    case.path_parameters = parameters


def _meant(values: dict[str, Any]) -> dict[str, Any]:
    """Values by their names, wherever they stand; `LEFT_OUT` leaves it out."""
    chosen = {
        "expires_at": FUTURE, "metadata": '{"fuzzed": true}', "cursor": LEFT_OUT, "owner_id": LEFT_OUT,
        "checksum_sha256": LEFT_OUT, "filename": "fuzzed.bin", "new_filename": "copy.bin", "redirect": False,
        "storage_class": "STANDARD",
    }  # fmt: skip
    meant = {}
    for name, value in values.items():
        if value is None and name in chosen:
            meant[name] = None
        elif name in {"folder", "new_folder", "prefix", "parent"} and value is not None:
            meant[name] = FOLDERS[zlib.crc32(repr(value).encode()) % len(FOLDERS)]
        elif name == "metadata" and isinstance(value, dict):
            meant[name] = value
        else:
            meant[name] = chosen.get(name, value)
    return {name: value for name, value in meant.items() if value is not LEFT_OUT}


def _aim_body(case: Case, label: str, targets: Targets) -> dict[str, Any]:
    if label in {"PUT /api/v1/files/raw/{filename}", f"PUT {FILES}/content"}:
        return {"data": b"fuzz" + (case.body if isinstance(case.body, bytes) else b"")}
    if label == f"POST {UPPY}/complete":
        return {}
    if not isinstance(case.body, dict):
        return {}
    body = _meant(case.body)
    if label == "POST /api/v1/files/upload":
        fields = {name: _as_text(value) for name, value in body.items() if name != "file" and value is not None}
        return {"files": {"file": ("fuzzed.bin", CONTENT)}, "data": fields, "json": None}
    case.body = BODIES.get(label, lambda same, _targets: same)(body, targets)
    return {}


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _batch(body: dict[str, Any], targets: Targets) -> dict[str, Any]:
    wanted = {"operation": body["operation"], "ids": list(dict.fromkeys([targets.fresh_file(), *body["ids"][1:3]]))}
    if body["operation"] == "move":
        wanted["folder"] = body.get("folder") or "moved"
    if body["operation"] == "copy" and "new_folder" in body:
        wanted["new_folder"] = body["new_folder"]
    return wanted


def _presigned(body: dict[str, Any], targets: Targets) -> dict[str, Any]:
    return {**body, "ids": [targets.file(), *body["ids"][1:3]]}


def _upload(body: dict[str, Any], _targets: Targets) -> dict[str, Any]:
    chosen = {"filename": "fuzzed.bin", "content_type": "application/octet-stream"}
    size = body["file_size"] % 1_000_000 + 1
    digest = {} if body.get("checksum_sha256") is None else {"checksum_sha256": hashlib.sha256(CONTENT).hexdigest()}
    taken = {name: value for name, value in body.items() if name not in {"method", "part_size", "part_checksums"}}
    method = {"method": "put"} if body.get("method") is not None else {}
    return {**taken, **chosen, **digest, **method, "file_size": size}


def _parts(body: dict[str, Any], _targets: Targets) -> dict[str, Any]:
    return {"part_numbers": sorted({1 + number % 2 for number in body["part_numbers"]})}


def _sign(body: dict[str, Any], targets: Targets) -> dict[str, Any]:
    upload_id = targets.open_upload()
    begun = {"uploadId": upload_id, "key": upload_id}
    return {
        "PUT": {"method": "PUT", **begun, "partNumber": 1},
        "GET": {"method": "GET", **begun},
        "DELETE": {"method": "DELETE", **begun},
        "POST": {"method": "POST", **begun},
    }[body["method"]]


BODIES: dict[str, Callable[[dict[str, Any], Targets], dict[str, Any]]] = {
    "POST /api/v1/files/batch": _batch,
    "POST /api/v1/files/presigned-urls": _presigned,
    "POST /api/v1/files/uploads": _upload,
    f"POST {UPLOADS}/parts": _parts,
    "POST /api/v1/files/uppy/sign": _sign,
}
