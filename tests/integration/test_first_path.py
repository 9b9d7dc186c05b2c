"""The whole way of one file: up, listed, down, gone."""

import hashlib


def test_a_file_goes_up_is_listed_comes_down_and_goes(alice):
    content = b"hello holdfast\n" * 1000
    created = alice.post("/files/upload", files={"file": ("notes.txt", content, "text/plain")}, data={"folder": "a/b"})
    assert created.status_code == 201, created.text
    file = created.json()
    assert file["checksum_sha256"] == hashlib.sha256(content).hexdigest()
    assert created.headers["Location"] == f"/api/v1/files/{file['id']}"
    assert [item["id"] for item in alice.get("/files", params={"folder": "a/b"}).json()["items"]] == [file["id"]]
    assert alice.get(f"/files/{file['id']}/download").content == content
    assert alice.delete(f"/files/{file['id']}", params={"hard_delete": True}).status_code == 204
    assert alice.get(f"/files/{file['id']}").status_code == 404


def test_a_large_file_goes_up_in_parts_and_comes_down_whole(alice):
    content = bytes(range(256)) * (20 * 4096)
    created = alice.post("/files/upload", files={"file": ("big.bin", content)})
    assert created.status_code == 201, created.text
    file = created.json()
    assert file["file_size"] == len(content)
    assert alice.get(f"/files/{file['id']}/download").content == content
