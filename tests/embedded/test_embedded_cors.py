"""Pages of allowed origins may use presigned URLs of the embedded store, after every start."""

from __future__ import annotations

import signal
from contextlib import contextmanager

import httpx
import pytest

from app.embedded.environment import BUCKET_NAME
from app.embedded.exceptions import EmbeddedError
from app.embedded.object_store import AccessKey, cors_origins, s3_client
from app.embedded.parts import embedded_parts
from app.embedded.processes import wait_for
from app.embedded.service_env import read_service_env

NO_DATABASE = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
EXPOSED = {"etag", "location", "content-range", "accept-ranges", "x-amz-version-id", "x-amz-checksum-sha256"}
SENT = "content-type,if-none-match,x-amz-checksum-sha256"


@contextmanager
def store(data_dir, **environ):
    """An embedded store, its client and a URL that takes one PUT."""
    with embedded_parts(data_dir, NO_DATABASE | environ) as parts:
        said = parts.environment
        key = AccessKey(said["S3_ACCESS_KEY_ID"], said["S3_SECRET_ACCESS_KEY"])
        client = s3_client(said["S3_ENDPOINT_URL"], key)
        yield client, client.generate_presigned_url("put_object", Params={"Bucket": BUCKET_NAME, "Key": "a.txt"})


def preflight(url: str, origin: str, method: str = "PUT") -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": SENT,
    }
    return httpx.options(url, headers=headers)


def allowed(answer: httpx.Response) -> str | None:
    return answer.headers.get("Access-Control-Allow-Origin")


def listed(answer: httpx.Response, name: str) -> set[str]:
    return {word.strip().lower() for word in answer.headers.get(name, "").split(",") if word.strip()}


@pytest.mark.parametrize("origin", ["http://localhost:5173", "http://127.0.0.1:8080"])
def test_any_port_of_this_machine_may_put_and_read_what_it_needs(tmp_path, origin):
    with store(tmp_path) as (client, url):
        asked = preflight(url, origin)
        assert (asked.status_code, allowed(asked)) == (200, origin)
        assert listed(asked, "Access-Control-Allow-Headers") == set(SENT.split(","))
        assert listed(asked, "Access-Control-Allow-Methods") == {"put", "post", "get", "head"}

        put = httpx.put(url, content=b"words", headers={"Origin": origin})
        assert (put.status_code, allowed(put)) == (200, origin)
        assert listed(put, "Access-Control-Expose-Headers") == EXPOSED
        assert put.headers["ETag"]
        assert client.get_object(Bucket=BUCKET_NAME, Key="a.txt")["Body"].read() == b"words"


@pytest.mark.parametrize("origin", ["https://evil.example.com", "http://localhost.evil.example.com", "null"])
def test_nobody_else_may(tmp_path, origin):
    with store(tmp_path) as (_, url):
        asked = preflight(url, origin)
        assert (asked.status_code, allowed(asked)) == (403, None)
        assert allowed(httpx.put(url, content=b"words", headers={"Origin": origin})) is None


def test_the_origins_of_the_service_are_those_of_the_store(tmp_path):
    """Case 43."""
    with store(tmp_path, CORS_ORIGINS="https://app.example.com, https://*.example.org") as (_, url):
        for origin in ("https://app.example.com", "https://a.example.org"):
            assert allowed(preflight(url, origin)) == origin
        assert allowed(preflight(url, "http://localhost:5173")) is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_every_start_says_it_again(tmp_path, number):
    """MiniStack keeps its CORS rules in memory."""
    with store(tmp_path):
        process = read_service_env(tmp_path).processes["STORE"]
        process.signal(number)
        assert wait_for(lambda: not process.is_running(), timeout_seconds=10)
    with store(tmp_path) as (_, url):
        assert allowed(preflight(url, "http://localhost:3000")) == "http://localhost:3000"
    with store(tmp_path, CORS_ORIGINS="https://app.example.com") as (_, url):
        assert allowed(preflight(url, "http://localhost:3000")) is None


@pytest.mark.parametrize(
    "text", ["https://a.example.com, https://b.example.com", '["https://a.example.com", "https://b.example.com"]']
)
def test_origins_are_written_as_in_the_settings(text):
    assert cors_origins({"CORS_ORIGINS": text}) == ["https://a.example.com", "https://b.example.com"]


def test_origins_that_cannot_be_read_are_named():
    with pytest.raises(EmbeddedError, match="CORS_ORIGINS"):
        cors_origins({"CORS_ORIGINS": "[https://a.example.com]"})
