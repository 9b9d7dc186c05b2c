"""A program under a name that only looks harmless until somebody cleans it."""

from __future__ import annotations

import subprocess

import pytest

WORDS = b"@echo off\r\nstart calc\r\n"
# Some program behind the service drops the odd character, or ends the name at it; ours were read as .txt.
HIDDEN = {
    "a combining mark": "readme.txt.\u0301bat",
    "two combining marks": "readme.txt.\u0301\u0327bat",
    "an underscore": "readme.txt._exe",
    "a dollar": "readme.txt.$exe",
    "brackets": "readme.txt.(exe)",
    "quotes": "readme.txt.'exe'",
    "an emoji": "readme.txt.\U0001f600bat",
    "a blank of Braille": "readme.txt.\u2800bat",
    "a private character": "readme.txt.\ue000bat",
    "a class id, which Windows hides": "readme.txt.{00020420-0000-0000-C000-000000000046}",
    "an ideographic full stop": "readme.txt\u3002exe",
    "a half-width full stop": "readme.txt\uff61exe",
    "an Arabic full stop": "readme.txt\u06d4exe",
    "a stream of Windows": "setup.exe:readme.txt",
    "a semicolon": "page.asp;.txt",
}


@pytest.mark.parametrize("name", HIDDEN.values(), ids=HIDDEN)
def test_a_program_hidden_behind_an_odd_character_is_refused_at_every_door(alice, upload, name):
    plain = upload(b"words", "readme.txt")["id"]
    answers = {
        "form": alice.post("/files/upload", files={"file": (name, WORDS)}),
        "raw": alice.put(f"/files/raw/{_quoted(name)}", content=WORDS),
        "direct": alice.post(
            "/files/uploads", json={"filename": name, "content_type": "text/plain", "file_size": len(WORDS)}
        ),
        "rename": alice.patch(f"/files/{plain}", json={"filename": name}),
        "copy": alice.post(f"/files/{plain}/copy", json={"new_filename": name}),
    }
    for answer in answers.values():
        if answer.status_code == 201 and "upload" in answer.json():
            alice.delete(f"/files/uploads/{answer.json()['upload']['id']}")
    found = {door: (answer.status_code, answer.json().get("code")) for door, answer in answers.items()}
    assert found == dict.fromkeys(answers, (415, "extension_not_allowed"))


@pytest.mark.parametrize("name", ["readme.txt.\u0301bat", "readme.bat.\u0301", "readme.txt.b\u0430t"])
def test_curl_saves_no_program_whatever_the_registry_holds(service, registry, upload, tmp_path, name):
    """Files that were taken before such names were refused."""
    file_id = upload(WORDS, "readme.txt")["id"]
    registry.rows("UPDATE file_uploads SET filename = $2 WHERE id = $1", file_id, name)
    address = f"{service.base_url}/api/v1/files/{file_id}/download"
    header = f"Authorization: Bearer {service.token('alice')}"
    subprocess.run(["curl", "-sS", "-OJ", "-H", header, address], cwd=tmp_path, check=True, timeout=30)
    [saved] = tmp_path.iterdir()
    assert saved.read_bytes() == WORDS
    assert saved.suffix != ".bat"


def _quoted(name: str) -> str:
    return "".join(f"%{byte:02X}" for byte in name.encode())
