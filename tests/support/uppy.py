"""What the stock plugin sends, as plain HTTP."""

from __future__ import annotations

import json
import re
from xml.sax.saxutils import escape

import httpx

from app.config import MEBIBYTE


def sign(client, method: str, key: str, **more) -> httpx.Response:
    return client.post("/files/uppy/sign", json={"method": method, "key": key, **more})


def signed(client, method: str, key: str, **more) -> dict:
    answer = sign(client, method, key, **more)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "private, no-store"
    return answer.json()


def key_of(content: bytes, filename: str, **more) -> str:
    return json.dumps({"n": filename, "s": len(content), **more})


def send_part(client, upload_id: str, content: bytes, number: int) -> str:
    """Send one part of 5 MiB, or the rest; returns its ETag as the store gave it."""
    url = signed(client, "PUT", upload_id, uploadId=upload_id, partNumber=number)["url"]
    begins = (number - 1) * 5 * MEBIBYTE
    answer = httpx.put(url, content=content[begins : begins + 5 * MEBIBYTE])
    assert answer.status_code == 200, answer.text
    return answer.headers["ETag"]


def completion(etags: dict[int, str]) -> str:
    parts = [
        f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etag)}</ETag></Part>" for number, etag in etags.items()
    ]
    return f"<CompleteMultipartUpload>{''.join(parts)}</CompleteMultipartUpload>"


def error_code(answer: httpx.Response) -> str:
    """The code of S3's error; the plugin reads it under exactly this type only."""
    assert answer.headers["Content-Type"] == "application/xml"
    return re.search(r"<Error><Code>(\w+)</Code><Message>[^<]+</Message></Error>", answer.text)[1]
