"""Direct uploads as a client makes them: with what the answer says, and nothing else."""

from __future__ import annotations

import httpx


def begin(client, content: bytes, filename: str, *, content_type: str | None = None, **wish) -> dict:
    """Reserve; returns the answer."""
    types = {"pdf": "application/pdf", "bin": "application/octet-stream", "png": "image/png"}
    declared = content_type or types[filename.rpartition(".")[2]]
    body = {"filename": filename, "content_type": declared, "file_size": len(content), **wish}
    answer = client.post("/files/uploads", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def put(upload: dict, content: bytes) -> httpx.Response:
    """Send to the URL of a put."""
    return httpx.put(upload["upload"]["url"], headers=upload["upload"]["headers"], content=content)


def post_form(upload: dict, content: bytes) -> httpx.Response:
    """Send the form of a post."""
    return httpx.post(upload["upload"]["url"], data=upload["upload"]["fields"], files={"file": ("f", content)})


def send_parts(client, upload: dict, content: bytes, numbers: list[int]) -> dict[int, str]:
    """Send some parts; returns their ETags."""
    size = upload["upload"]["part_size"]
    signed = client.post(f"/files/uploads/{upload['file']['id']}/parts", json={"part_numbers": numbers})
    assert signed.status_code == 200, signed.text
    etags = {}
    for part in signed.json()["parts"]:
        begins = (part["part_number"] - 1) * size
        answer = httpx.put(part["url"], headers=part["headers"], content=content[begins : begins + size])
        assert answer.status_code == 200, answer.text
        etags[part["part_number"]] = answer.headers["ETag"]
    return etags


def send(client, upload: dict, content: bytes) -> None:
    """Send everything, the way that was offered."""
    method = upload["upload"]["method"]
    if method == "multipart":
        send_parts(client, upload, content, list(range(1, upload["upload"]["part_count"] + 1)))
        return
    answer = put(upload, content) if method == "put" else post_form(upload, content)
    assert answer.status_code in {200, 201, 204}, answer.text


def complete(client, upload: dict, parts: list | None = None) -> httpx.Response:
    """Say that everything was sent."""
    body = None if parts is None else {"parts": parts}
    return client.post(f"/files/uploads/{upload['file']['id']}/complete", json=body)
