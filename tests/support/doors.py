"""Every way by which a name or a folder comes in; each tells what became of it: what is kept, or a problem's code."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

import httpx

from tests.support.raw_http import FORM_END, FORM_TYPE, form_part, raw_connection

CONTENT = b"some words"
ESCAPES = {'"': "%22", "\r": "%0D", "\n": "%0A"}  # the HTML standard's


class Doors:
    """The doors, as one caller uses them."""

    def __init__(self, client: httpx.Client, port: int) -> None:
        self._client = client
        self._port = port
        # What is changed and copied, over and over.
        self._file = client.put("/files/raw/a.txt", content=CONTENT).json()["id"]

    def by_name(self) -> dict[str, Callable[[str], str]]:
        return {
            "form": self._form_name,
            "raw": lambda name: self.raw_path(quote(name.encode("utf-8", "surrogatepass"), safe="")),
            "create": lambda name: self._create("filename", filename=name),
            "sign": lambda name: self._sign("filename", {"n": name, "s": len(CONTENT)}),
            "sign_short": lambda name: self._sign("filename", f"{len(CONTENT)}/{name}"),
            "patch": lambda name: self._patch(filename=name),
            "copy": lambda name: self._copy("filename", new_filename=name),
        }

    def by_folder(self) -> dict[str, Callable[[str], str]]:
        return {
            "form": self._form_folder,
            "raw": self._raw_folder,
            "create": lambda folder: self._create("folder", folder=folder),
            "sign": lambda folder: self._sign("folder", {"n": "a.txt", "s": len(CONTENT), "folder": folder}),
            "patch": lambda folder: self._patch(folder=folder),
            "copy": lambda folder: self._copy("folder", new_folder=folder),
            "move": lambda folder: self._batch("move", folder=folder),
            "copies": lambda folder: self._batch("copy", new_folder=folder),
        }

    def raw_path(self, path: str) -> str:
        """PUT to exactly these bytes; httpx would tidy them up."""
        headers = {"Authorization": self._client.headers["Authorization"], "Content-Length": str(len(CONTENT))}
        with raw_connection(self._port) as connection:
            connection.send_head("PUT", f"/api/v1/files/raw/{path}", headers)
            connection.send(CONTENT)
            answer = connection.answer()
        return answer.json()["filename"] if answer.status == 201 else answer.json()["code"]

    def _form_name(self, name: str) -> str:
        escaped = "".join(ESCAPES.get(character, character) for character in name).encode("utf-8", "surrogatepass")
        head, tail = form_part("file", CONTENT, "HERE").split(b"HERE")
        return self._sent(self._form(head + escaped + tail), "filename")

    def _form_folder(self, folder: str) -> str:
        value = folder.encode("utf-8", "surrogatepass")
        return self._sent(self._form(form_part("folder", value) + form_part("file", CONTENT, "a.txt")), "folder")

    def _form(self, parts: bytes) -> httpx.Response:
        return self._client.post("/files/upload", content=parts + FORM_END, headers={"Content-Type": FORM_TYPE})

    def _raw_folder(self, folder: str) -> str:
        query = quote(folder.encode("utf-8", "surrogatepass"), safe="")
        return self._sent(self._client.put(f"/files/raw/a.txt?folder={query}", content=CONTENT), "folder")

    def _create(self, field: str, **wish: str) -> str:
        body = {"filename": "a.txt", "content_type": "text/plain", "file_size": len(CONTENT), **wish}
        answer = self._json("POST", "/files/uploads", body)
        if answer.status_code != 201:
            return answer.json()["code"]
        return self._begun(answer.json()["file"]["id"], field)

    def _sign(self, field: str, key: dict | str) -> str:
        text = key if isinstance(key, str) else json.dumps(key)
        answer = self._json("POST", "/files/uppy/sign", {"method": "PUT", "key": text, "contentType": "text/plain"})
        return self._begun(answer.json()["key"], field) if answer.status_code == 200 else answer.json()["code"]

    def _begun(self, file_id: str, field: str) -> str:
        kept = self._client.get(f"/files/{file_id}").json()[field]
        assert self._client.delete(f"/files/uploads/{file_id}").status_code == 204
        return kept

    def _patch(self, **change: str) -> str:
        return self._sent(self._json("PATCH", f"/files/{self._file}", change), next(iter(change)))

    def _copy(self, field: str, **change: str) -> str:
        return self._sent(self._json("POST", f"/files/{self._file}/copy", change), field)

    def _batch(self, operation: str, **change: str) -> str:
        answer = self._json("POST", "/files/batch", {"operation": operation, "ids": [self._file], **change})
        return answer.json()["results"][0]["file"]["folder"] if answer.status_code == 200 else answer.json()["code"]

    def _json(self, method: str, path: str, body: dict) -> httpx.Response:
        """With lone surrogates as escapes, as JSON can have them."""
        return self._client.request(
            method, path, content=json.dumps(body), headers={"Content-Type": "application/json"}
        )

    @staticmethod
    def _sent(answer: httpx.Response, field: str) -> str:
        return answer.json()[field] if answer.status_code in {200, 201} else answer.json()["code"]
