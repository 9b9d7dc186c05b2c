"""The operations that are attacked, one function each: do it, and say what must hold afterwards.

A new one is a function here and a line in `OPERATIONS`; those that the service's own OpenAPI document doesn't
offer are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from app.config import MEBIBYTE
from tests.faults.actors import Actor
from tests.faults.witness import AVAILABLE, DELETED, NOTHING, Promise, sha256_of, with_status

LARGE_BYTES = 9 * MEBIBYTE
PART_BYTES = 5 * MEBIBYTE


@dataclass(frozen=True)
class Operation:
    """One kind of request.

    Args:
        run: does it, as one client.
        weight: how often it is drawn.
        needs: method and path that the service must offer.
        changes: whether it is done to a file that the client has.
    """

    run: Callable[[Actor], None] | Callable[[Actor, Promise], None]
    weight: int
    needs: tuple[str, str]
    changes: bool = False


def upload_form(actor: Actor) -> None:
    content = actor.content(small=True)

    def send(client, filename, headers):
        return client.post("/files/upload", files={"file": (filename, content)}, headers=headers)

    actor.create("proxied, small", content, send)


def upload_raw(actor: Actor) -> None:
    content = actor.content(small=True)
    actor.create("proxied, small", content, raw_sender(content))


def upload_large(actor: Actor) -> None:
    content = actor.content(small=False)
    actor.create("proxied, in parts", content, raw_sender(content))


def raw_sender(content: bytes):
    return lambda client, filename, headers: client.put(f"/files/raw/{filename}", content=content, headers=headers)


def direct_put(actor: Actor) -> None:
    actor.upload_directly("put", actor.content(small=True))


def direct_post(actor: Actor) -> None:
    actor.upload_directly("post", actor.content(small=True))


def direct_parts(actor: Actor) -> None:
    actor.upload_directly("multipart", actor.content(small=False), part_size=PART_BYTES)


def copy(actor: Actor, file: Promise) -> None:
    def send(client, filename, headers):
        return client.post(
            f"/files/{file.file_id}/copy", json={"new_filename": filename, "new_folder": ""}, headers=headers
        )

    actor.create("copy", None, send, source=file)


def soft_delete(actor: Actor, file: Promise) -> None:
    actor.change("delete", file, with_status(DELETED), lambda client: client.delete(f"/files/{file.file_id}"))


def restore(actor: Actor, file: Promise) -> None:
    change = with_status(AVAILABLE)
    actor.change("restore", file, change, lambda client: client.post(f"/files/{file.file_id}/restore"))


def delete_then_restore(actor: Actor, file: Promise) -> None:
    soft_delete(actor, file)
    restore(actor, file)


def hard_delete(actor: Actor, file: Promise) -> None:
    def send(client):
        return client.delete(f"/files/{file.file_id}", params={"hard_delete": True})

    actor.change("hard delete", file, lambda _view: NOTHING, send)


def replace_content(actor: Actor, file: Promise) -> None:
    content = actor.content(small=actor.random.random() < 0.7)
    sha256 = sha256_of(content)

    def send(client):
        return client.put(f"/files/{file.file_id}/content", content=content)

    kind = "replace, small" if len(content) < LARGE_BYTES else "replace, in parts"
    file.size_bytes = max(file.size_bytes, len(content))
    actor.change(kind, file, lambda view: replace(view, sha256=sha256), send)


def move(actor: Actor, file: Promise) -> None:
    folder = f"moved/{actor.random.randrange(1_000_000)}"

    def send(client):
        return client.patch(f"/files/{file.file_id}", json={"folder": folder})

    actor.change("move", file, lambda view: replace(view, folder=folder), send)


def move_by_batch(actor: Actor, file: Promise) -> None:
    folder = f"moved/{actor.random.randrange(1_000_000)}"

    def send(client):
        return client.post("/files/batch", json={"operation": "move", "ids": [file.file_id], "folder": folder})

    actor.change("batch: move", file, lambda view: replace(view, folder=folder), send, status_of=first_status)


def hard_delete_by_batch(actor: Actor, file: Promise) -> None:
    def send(client):
        return client.post("/files/batch", json={"operation": "hard_delete", "ids": [file.file_id]})

    actor.change("batch: hard delete", file, lambda _view: NOTHING, send, status_of=first_status)


def first_status(answer) -> int:
    """What a batch says of its only file."""
    return answer.json()["results"][0]["status"] if answer.is_success else answer.status_code


def download(actor: Actor, file: Promise) -> None:
    actor.download(file)


FILES, FILE = "/api/v1/files", "/api/v1/files/{file_id}"
OPERATIONS = {
    "upload by form": Operation(upload_form, 4, ("post", f"{FILES}/upload")),
    "upload as it is": Operation(upload_raw, 3, ("put", f"{FILES}/raw/{{filename}}")),
    "upload in parts": Operation(upload_large, 3, ("put", f"{FILES}/raw/{{filename}}")),
    "direct put": Operation(direct_put, 3, ("post", f"{FILES}/uploads")),
    "direct post": Operation(direct_post, 3, ("post", f"{FILES}/uploads")),
    "direct parts": Operation(direct_parts, 2, ("post", f"{FILES}/uploads")),
    "copy": Operation(copy, 3, ("post", f"{FILE}/copy"), changes=True),
    "delete": Operation(soft_delete, 1, ("delete", FILE), changes=True),
    "delete, restore": Operation(delete_then_restore, 1, ("post", f"{FILE}/restore"), changes=True),
    "hard delete": Operation(hard_delete, 5, ("delete", FILE), changes=True),
    "download": Operation(download, 2, ("get", f"{FILE}/download"), changes=True),
    "replace": Operation(replace_content, 4, ("put", f"{FILE}/content"), changes=True),
    "move": Operation(move, 2, ("patch", FILE), changes=True),
    "batch: move": Operation(move_by_batch, 1, ("post", f"{FILES}/batch"), changes=True),
    "batch: hard delete": Operation(hard_delete_by_batch, 1, ("post", f"{FILES}/batch"), changes=True),
}


def offered(openapi: dict) -> dict[str, Operation]:
    """Those that this service has."""
    paths = {path.replace(":path", "").replace(":uuid", ""): methods for path, methods in openapi["paths"].items()}
    return {name: each for name, each in OPERATIONS.items() if each.needs[0] in paths.get(each.needs[1], {})}
