"""Pages of strangers, and other programs without a key, against what `make run` starts on loopback."""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from uuid import uuid4

import httpx
import pytest
from dotenv import dotenv_values

from app.embedded.environment import BUCKET_NAME
from app.embedded.object_store import AccessKey, s3_client
from app.embedded.parts import embedded_parts
from tests.support.chromium import STRANGER, shown_by_chromium, strangers_page
from tests.support.commands import development_service

NO_DATABASE = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
# MiniStack's routes for its own users, and some of other services, which need no signature.
OWN_ROUTES = [
    ("GET", "/_ministack/health"),
    ("GET", "/_localstack/health"),
    ("GET", "/health"),
    ("GET", "/_ministack/ready"),
    ("GET", "/_ministack/ses/messages"),
    ("GET", "/_ministack/sqs/messages"),
    ("GET", "/_ministack/sns/sms-messages"),
    ("GET", "/_ministack/transfer/sftp-ports"),
    ("POST", "/_ministack/config"),
    ("PUT", "/_ministack/cfn-response/x"),
    ("GET", "/.well-known/openid-configuration"),
    ("GET", "/v2/"),
]
FOREIGN_HOSTS = [STRANGER, f"{STRANGER}:8000", f"localhost.{STRANGER}", f"127.0.0.1.{STRANGER}", "0.0.0.0", "10.0.0.7"]
FOREIGN_PAGES = [
    {"Origin": f"http://{STRANGER}"},
    {"Origin": "null"},
    {"Origin": f"http://localhost.{STRANGER}"},
    {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "cross-site", "origin": f"http://{STRANGER}"},
    {"Sec-Fetch-Site": "cross-site"},
]


@contextmanager
def own_store(folder):
    """An embedded store with one object, its address and its owner's client."""
    with embedded_parts(folder, NO_DATABASE, persist_store=False) as parts:
        said = parts.environment
        client = s3_client(said["S3_ENDPOINT_URL"], AccessKey(said["S3_ACCESS_KEY_ID"], said["S3_SECRET_ACCESS_KEY"]))
        client.put_object(Bucket=BUCKET_NAME, Key="a.txt", Body=b"private")
        yield said["S3_ENDPOINT_URL"], client


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with own_store(tmp_path_factory.mktemp("store")) as (url, client):
        yield url, client


@pytest.fixture(scope="module")
def made_run(tmp_path_factory):
    """What `make run` starts: a client, the name of a private file, and the environment of its parts."""
    data_dir = tmp_path_factory.mktemp("run") / "data"
    with development_service(data_dir) as (client, _, _):
        answer = client.post("/files/upload", files={"file": ("private.txt", b"private")})
        assert answer.status_code == 201, answer.text
        yield client, answer.json()["id"], dotenv_values(data_dir / "service.env")


def signed_by_nobody(key_id: str, service: str = "s3") -> dict[str, str]:
    """A signature that nobody could have made, with the id of a key."""
    now = dt.datetime.now(dt.UTC)
    credential = f"{key_id}/{now:%Y%m%d}/us-east-1/{service}/aws4_request"
    return {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature={'0' * 64}",
        "X-Amz-Date": f"{now:%Y%m%dT%H%M%SZ}",
    }


def verdict(answer) -> tuple[int, str | None]:
    """Its status, and the code if it is a problem."""
    is_problem = answer.headers.get("Content-Type") == "application/problem+json"
    return answer.status_code, answer.json()["code"] if is_problem else None


def ids(client) -> list[str]:
    return [file["id"] for file in client.get("/files").json()["items"]]


def holds(client, key: str = "a.txt") -> bool:
    return key in [item["Key"] for item in client.list_objects_v2(Bucket=BUCKET_NAME).get("Contents", [])]


@pytest.mark.parametrize("by", ["a page", "a program that saw a key's id in an address"])
def test_a_post_to_the_stores_reset_route_wipes_nothing(tmp_path, by):
    with own_store(tmp_path) as (url, client):
        address = client.generate_presigned_url("get_object", Params={"Bucket": BUCKET_NAME, "Key": "a.txt"})
        key_id = httpx.URL(address).params["X-Amz-Credential"].split("/")[0]
        headers = signed_by_nobody(key_id) if by != "a page" else {"Origin": f"http://{STRANGER}"}
        assert httpx.post(f"{url}/_ministack/reset", headers=headers).is_client_error
        assert client.get_object(Bucket=BUCKET_NAME, Key="a.txt")["Body"].read() == b"private"


def test_none_of_the_stores_own_routes_answers(store):
    url, _ = store
    answered = [
        (method, path, answer.status_code)
        for method, path in OWN_ROUTES
        if not (answer := httpx.request(method, url + path)).is_client_error or "ministack" in answer.text.lower()
    ]
    assert answered == []


@pytest.mark.parametrize("key_id", ["test", "000000000000"])
def test_a_key_that_nobody_made_neither_reads_nor_writes(store, key_id):
    url, client = store
    headers = signed_by_nobody(key_id)
    in_address = {"AWSAccessKeyId": key_id, "Signature": "x", "Expires": "9999999999"}
    done = {
        "read": httpx.get(f"{url}/{BUCKET_NAME}/a.txt", headers=headers),
        "list": httpx.get(f"{url}/{BUCKET_NAME}", headers=headers),
        "write": httpx.put(f"{url}/{BUCKET_NAME}/evil.txt", headers=headers, content=b"evil"),
        "make": httpx.put(f"{url}/evil-{uuid4().hex}", headers=headers),
        "version 2": httpx.get(f"{url}/{BUCKET_NAME}/a.txt", headers={"Authorization": f"AWS {key_id}:x"}),
        "in the address": httpx.get(f"{url}/{BUCKET_NAME}/a.txt", params=in_address),
        "remove": httpx.delete(f"{url}/{BUCKET_NAME}/a.txt", headers=headers),
    }
    assert {name: answer.status_code for name, answer in done.items()} == dict.fromkeys(done, 403)
    assert holds(client)
    assert not holds(client, "evil.txt")


@pytest.mark.parametrize("key_id", ["test", "000000000000"])
def test_nobody_makes_a_key_for_our_user(store, key_id):
    url, _ = store
    form = {"Action": "CreateAccessKey", "UserName": "holdfast", "Version": "2010-05-08"}
    answer = httpx.post(url, data=form, headers=signed_by_nobody(key_id, "iam"))
    assert answer.status_code == 403
    assert "SecretAccessKey" not in answer.text


def test_nobody_fills_the_disk_with_buckets_of_an_account_of_his_own(store):
    url, _ = store
    headers = signed_by_nobody("123456789012")
    answer = httpx.put(f"{url}/evil-{uuid4().hex}", headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_name_that_leads_here_reads_nothing(made_run, host):
    client, file_id, _ = made_run
    base = str(client.base_url).removesuffix("/api/v1/")
    for path in ("/api/v1/files", f"/api/v1/files/{file_id}/download", "/openapi.json", "/docs", "/nowhere"):
        assert verdict(httpx.get(base + path, headers={"Host": host})) == (421, "host_not_allowed"), path
    # A write under such a name is of the name's own origin.
    headers = {"Host": host, "Origin": f"http://{host}"}
    name = f"{uuid4().hex}.txt"
    assert client.put(f"/files/raw/{name}", content=b"evil", headers=headers).status_code == 421
    assert name not in client.get("/files").text


@pytest.mark.parametrize("page", FOREIGN_PAGES, ids=str)
def test_a_page_of_another_origin_changes_nothing(made_run, page):
    client, file_id, _ = made_run
    name, files = f"{uuid4().hex}.txt", ids(client)
    version = client.get(f"/files/{file_id}").json()["version"]
    text = {**page, "Content-Type": "text/plain"}
    tried = [
        client.post("/files/upload", files={"file": (name, b"evil")}, headers=page),
        client.put(f"/files/raw/{name}", content=b"evil", headers=page),
        client.post(f"/files/{file_id}/copy", headers=page),
        client.post(f"/files/{file_id}/restore", headers=page),
        client.post("/files/batch", content=f'{{"operation": "delete", "ids": ["{file_id}"]}}', headers=text),
        client.delete(f"/files/{file_id}", headers=page),
    ]
    assert {verdict(answer) for answer in tried} == {(403, "origin_not_allowed")}
    assert ids(client) == files
    assert client.get(f"/files/{file_id}").json()["version"] == version


def test_a_real_browser_reads_nothing_under_a_name_that_leads_here(made_run):
    client, _, _ = made_run
    port = client.base_url.port
    assert "private.txt" in shown_by_chromium(f"http://localhost:{port}/api/v1/files")
    shown = shown_by_chromium(f"http://{STRANGER}:{port}/api/v1/files")
    assert "private.txt" not in shown
    assert "host_not_allowed" in shown


def test_a_real_page_of_a_stranger_neither_uploads_nor_wipes_anything(made_run):
    client, file_id, parts = made_run
    api, bucket = str(client.base_url).rstrip("/"), parts["S3_ENDPOINT_URL"]
    name, files = f"{uuid4().hex}.txt", ids(client)
    script = f"""<!doctype html><pre id="said"></pre>
    <form id="form" method="post" enctype="multipart/form-data" target="frame" action="{api}/files/{file_id}/copy">
    </form><iframe name="frame"></iframe>
    <script>
    const body = new FormData();
    body.append("file", new File(["evil"], "{name}"));
    const post = (url, body) => fetch(url, {{method: "POST", mode: "no-cors", body}});
    document.getElementById("form").submit();
    Promise.allSettled([
      post("{api}/files/upload", body), post("{api}/files/{file_id}/copy"), post("{bucket}/_ministack/reset"),
    ]).then(done => {{ document.getElementById("said").textContent = done.map(one => one.status).join(" "); }});
    </script>"""
    with strangers_page(script) as url:
        shown = shown_by_chromium(url)
    # The browser did send them; whether it did any good is told to no page.
    assert "fulfilled fulfilled fulfilled" in shown
    assert ids(client) == files
    assert client.get(f"/files/{file_id}/download").content == b"private"
