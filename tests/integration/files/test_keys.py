"""Under which key a file's bytes lie, by setting; the shapes that the settings promise."""

from __future__ import annotations

import re

import pytest

DATE = r"\d{4}/\d{2}/\d{2}"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


@pytest.mark.parametrize(
    ("store", "folder", "shape"),
    [
        ({}, "", rf"{DATE}/{UUID}_document\.pdf"),
        ({"use_uuid_prefix": False}, "", rf"{DATE}/\d{{8}}_\d{{6}}_document(-[0-9a-f]{{8}})?\.pdf"),
        ({"preserve_filename": False}, "", rf"{DATE}/{UUID}\.pdf"),
        ({}, "Verträge/2026", rf"Vertr(a|ae)ge/2026/{DATE}/{UUID}_document\.pdf"),
        ({"folder_structure": ""}, "", rf"{UUID}_document\.pdf"),
        ({"folder_structure": "in/{year}-{hour}"}, "", rf"in/\d{{4}}-\d{{2}}/{UUID}_document\.pdf"),
        ({"key_prefix": "/tenants/acme"}, "", rf"tenants/acme/{DATE}/{UUID}_document\.pdf"),
    ],
)
def test_keys_follow_the_settings(start_service, store, folder, shape):
    with start_service(store=store) as service, service.client("alice") as client:
        answer = client.post("/files/upload", files={"file": ("document.pdf", b"%PDF-1.7\n")}, data={"folder": folder})
        assert answer.status_code == 201, answer.text
        assert re.fullmatch(shape, answer.json()["s3_key"]), answer.json()["s3_key"]
        assert answer.json()["id"] not in answer.json()["s3_key"]


def test_without_a_uuid_a_key_is_never_used_twice_not_even_after_its_file_is_gone(start_service):
    store = {"use_uuid_prefix": False, "folder_structure": "flat"}
    keys = set()
    with start_service(store=store) as service, service.client("alice") as client:
        for _ in range(12):
            file = client.put("/files/raw/same.txt", content=b"same").json()
            keys.add(file["s3_key"])
            client.delete(f"/files/{file['id']}", params={"hard_delete": True})
    assert len(keys) == 12
    assert any(re.search(r"same-[0-9a-f]{8}\.txt$", key) for key in keys)
