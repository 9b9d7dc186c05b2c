"""What the commands do, and what they refuse."""

from __future__ import annotations

import re
import subprocess

import httpx
import jwt
import pytest

from app.embedded.ports import free_port
from tests.support.commands import development_service, run
from tests.support.service import SECRET


def test_dev_keeps_everything_between_runs_and_after_a_kill(tmp_path):
    data_dir = tmp_path / "data"
    with development_service(data_dir) as (client, banner, child):
        assert "embedded PostgreSQL" in banner
        assert "embedded S3 server" in banner
        answer = client.post("/files/upload", files={"file": ("a.txt", b"still here")})
        file = answer.json()
        assert file["owner_id"] == "local"
        assert "RateLimit-Limit" not in answer.headers
        child.kill()
        child.wait()
    with development_service(data_dir) as (client, _, _):
        assert client.get(f"/files/{file['id']}/download").content == b"still here"
        url = client.get(f"/files/{file['id']}/presigned-url").json()["url"]
        assert httpx.get(url).content == b"still here"


def test_a_second_dev_on_the_same_folder_says_who_holds_it(tmp_path):
    with development_service(tmp_path / "data") as (_, _, child):
        second = run("dev", DATA_DIR=str(tmp_path / "data"), PORT=str(free_port()))
    assert second.returncode == 1
    assert str(child.pid) in second.stderr


def test_the_line_that_dev_prints_works(tmp_path):
    with development_service(tmp_path / "data") as (_, banner, _):
        line = re.search(r"Try: +(.*)", banner)[1]
        answer = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
        assert '"status":"available"' in answer.stdout, (line, answer)


def test_sign_in_is_off_only_while_nobody_else_can_reach_the_service(tmp_path):
    with development_service(tmp_path / "data", HOST="127.0.0.1", AUTH_JWT_SECRET=SECRET) as (client, _, _):
        refused = client.get("/files")
        assert (refused.status_code, refused.headers["RateLimit-Limit"]) == (401, "600")
    with development_service(tmp_path / "data", AUTH_JWKS_URL="http://127.0.0.1:1/keys") as (client, _, _):
        assert client.get("/files").status_code == 401
    refused = run("dev", DATA_DIR=str(tmp_path / "data"), HOST="0.0.0.0", PORT=str(free_port()))
    assert refused.returncode == 2
    assert "AUTH_JWT_SECRET is not set" in refused.stderr


def test_serve_refuses_to_start_without_a_database_a_bucket_and_a_way_to_sign_in():
    refused = run("serve")
    assert refused.returncode == 2
    for name in ("DATABASE_URL", "S3_BUCKET_NAME", "AUTH_JWT_SECRET"):
        assert name in refused.stderr


def test_serve_names_what_is_wrong_with_a_setting():
    refused = run("serve", S3_BUCKET_NAME="b" * 3, DATABASE_URL="mysql://x", AUTH_JWT_SECRET="short", PORT="99999")
    assert refused.returncode == 2
    for name in ("DATABASE_URL: give a PostgreSQL address", "AUTH_JWT_SECRET is shorter", "PORT:"):
        assert name in refused.stderr


def test_a_token_of_the_command_is_taken_by_the_service(service):
    made = run("token", "--sub", "carol", AUTH_JWT_SECRET=SECRET)
    headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
    answer = httpx.get(f"{service.base_url}/api/v1/files", headers=headers)
    assert answer.status_code == 200


def test_a_token_of_the_command_is_for_the_issuer_and_the_audience_that_are_set():
    issuer, audience = "https://login.example.com", "holdfast"
    made = run("token", "--sub", "carol", AUTH_JWT_SECRET=SECRET, AUTH_ISSUER=issuer, AUTH_AUDIENCE=audience)
    assert jwt.decode(made.stdout.strip(), SECRET, ["HS256"], issuer=issuer, audience=audience)["sub"] == "carol"


@pytest.mark.parametrize("arguments", [("--scope", "files:everything"), ("--ttl-seconds", "0")])
def test_a_token_that_would_be_useless_is_not_made(arguments):
    assert run("token", "--sub", "carol", *arguments, AUTH_JWT_SECRET=SECRET).returncode != 0


def test_migrate_and_maintain_find_the_parts_that_dev_runs(tmp_path):
    with development_service(tmp_path / "data"):
        migrated = run("migrate", DATA_DIR=str(tmp_path / "data"))
        maintained = run("maintain", DATA_DIR=str(tmp_path / "data"))
    assert migrated.returncode == 0, migrated.stderr
    assert maintained.returncode == 0, maintained.stderr
    assert [line.partition(":")[0] for line in maintained.stdout.splitlines() if ":" in line] == [
        "expire", "purge", "reconcile", "scrub",
    ]  # fmt: skip


def test_an_upload_url_of_the_embedded_store_reads_nobody_elses_file(tmp_path):
    """Case 17: the store does what unsigned headers say, so the key that signs must not be able to."""
    with development_service(tmp_path / "data") as (client, _, _):
        secret = client.post("/files/upload", files={"file": ("a.txt", b"not for you")}).json()
        wish = {"filename": "b.txt", "content_type": "text/plain", "file_size": 11}
        upload = client.post("/files/uploads", json=wish).json()["upload"]
        smuggled = upload["headers"] | {"x-amz-copy-source": f"/holdfast/{secret['s3_key']}", "Content-Length": "11"}
        assert httpx.put(upload["url"], headers=smuggled, content=b"hello world").status_code == 403
        assert httpx.put(upload["url"], headers=upload["headers"], content=b"hello world").status_code == 200
        assert client.get(f"/files/{upload['id']}").json()["status"] == "available"


def test_pages_of_this_machine_may_use_the_embedded_service_and_others_may_not(tmp_path):
    preflight = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}
    with development_service(tmp_path / "data") as (client, _, _):
        for origin, is_allowed in (("http://localhost:5173", True), ("http://localhost.evil.example", False)):
            answer = client.options("/files/raw/a.txt", headers=preflight | {"Origin": origin})
            assert (answer.headers.get("Access-Control-Allow-Origin") == origin) is is_allowed
