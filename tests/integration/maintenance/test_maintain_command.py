"""`python -m app maintain`: attached to what runs or on its own, with a report for people or machines."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.support.commands import development_service, run
from tests.support.stores import bucket_client

QUICK = {"RECONCILE_GRACE_SECONDS": "0", "MAINTENANCE_INTERVAL_SECONDS": "0"}


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "data"


def maintain(data_dir, *arguments: str, code: int = 0):
    done = run("maintain", *arguments, DATA_DIR=str(data_dir), **QUICK)
    assert done.returncode == code, (done.stdout, done.stderr)
    return json.loads(done.stdout) if "--json" in arguments else done.stdout


def variables(data_dir) -> dict[str, str]:
    lines = (data_dir / "service.env").read_text().splitlines()
    return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}


def test_an_unknown_object_is_found_moved_aside_and_restored(data_dir):
    with development_service(data_dir, **QUICK) as (client, _, _):
        file = client.post("/files/upload", files={"file": ("a.txt", b"ours")}).json()
        store = bucket_client(variables(data_dir))
        store.put_object(Bucket="holdfast", Key="somebody/else's.txt", Body=b"whose?")

        dry = maintain(data_dir, "--dry-run", "--json", code=1)
        assert [report["job"] for report in dry["reports"]] == ["expire", "purge", "reconcile", "scrub"]
        assert store.get_object(Bucket="holdfast", Key="somebody/else's.txt")["Body"].read() == b"whose?"

        assert "unknown objects" in maintain(data_dir, "reconcile")
        [aside] = maintain(data_dir, "quarantine", "--json")
        assert (aside["original_key"], aside["size_bytes"]) == ("somebody/else's.txt", 6)
        assert "somebody/else's.txt" in maintain(data_dir, "quarantine")
        listed = store.list_objects_v2(Bucket="holdfast")["Contents"]
        assert {item["Key"] for item in listed if "probe-" not in item["Key"]} == {
            file["s3_key"], f".holdfast/quarantine/{aside['id']}/somebody/else's.txt",
        }  # fmt: skip

        assert maintain(data_dir, "restore", aside["id"]) == "restored: somebody/else's.txt\n"
        again = run("maintain", "restore", aside["id"], DATA_DIR=str(data_dir))
        assert (again.returncode, "No object of that id lies aside" in again.stderr) == (1, True)
        assert maintain(data_dir, "--json")["is_well"] is True
        assert store.get_object(Bucket="holdfast", Key="somebody/else's.txt")["Body"].read() == b"whose?"
        assert client.get(f"/files/{file['id']}/download").content == b"ours"


def test_damage_ends_with_1_and_names_the_object(data_dir):
    with development_service(data_dir, **QUICK) as (client, _, _):
        file = client.post("/files/upload", files={"file": ("a.txt", b"ours")}).json()
        settings = variables(data_dir)
        bucket_client(settings).delete_object(Bucket="holdfast", Key=file["s3_key"])
        assert file["s3_key"] in maintain(data_dir, "reconcile", code=1)
        assert client.get(f"/files/{file['id']}").json()["status"] == "rejected"
        assert client.get(f"/files/{file['id']}/download").status_code == 409
        maintain(data_dir, "reconcile")


def test_without_a_running_service_it_starts_the_parts_itself(data_dir):
    with development_service(data_dir, **QUICK) as (client, _, _):
        file = client.post("/files/upload", files={"file": ("a.txt", b"ours")}).json()
    report = maintain(data_dir, "--json")
    assert (report["is_well"], report["reports"][2]["looked_at"]) == (True, {"objects": 1, "rows": 1})
    with development_service(data_dir, **QUICK) as (client, _, _):
        assert client.get(f"/files/{file['id']}/download").content == b"ours"
        with pytest.raises(httpx.HTTPStatusError):
            client.get(f"/files/{file['id']}x").raise_for_status()
