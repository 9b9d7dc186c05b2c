"""Upload a file, read it back, share it for five minutes. Needs httpx.

Run: python examples/upload.py report.pdf   (HOLDFAST_URL and HOLDFAST_TOKEN say where and as whom)
"""

import os
import sys
from pathlib import Path

import httpx

base_url = os.environ.get("HOLDFAST_URL", "http://localhost:8000") + "/api/v1"
token = os.environ.get("HOLDFAST_TOKEN")
headers = {"Authorization": f"Bearer {token}"} if token else {}

with httpx.Client(base_url=base_url, headers=headers) as client:
    path = Path(sys.argv[1])
    with path.open("rb") as stream:
        answer = client.post("/files/upload", files={"file": (path.name, stream)}, data={"folder": "examples"})
    if answer.is_error:
        problem = answer.json()
        sys.exit(f"{problem['code']}: {problem['detail']}")
    file = answer.json()
    print("stored", file["filename"], file["file_size"], "bytes as", file["id"])

    with client.stream("GET", f"/files/{file['id']}/download") as download:
        received = sum(len(chunk) for chunk in download.iter_bytes())
    print("read back", received, "bytes")

    link = client.get(f"/files/{file['id']}/presigned-url", params={"expiry": 300}).json()
    print("shared until", link["expires_at"], "status", httpx.get(link["url"]).status_code)
