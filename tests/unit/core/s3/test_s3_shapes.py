"""What is signed for which store: SigV4, the right host, no checksum of an empty body. No server is asked."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.credentials import RefreshableCredentials

from app.config import ConfigurationError, StoreSettings
from app.core.s3.adapter import S3

OWN_CHAIN = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION")


@pytest.fixture(autouse=True)
def no_credentials_of_this_machine(monkeypatch):
    for name in OWN_CHAIN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")


def settings_of(**values) -> StoreSettings:
    given = {"bucket_name": "files", "access_key_id": "AKIAEXAMPLE", "secret_access_key": "secret"} | values
    return StoreSettings(_env_file=None, **given)


async def presigned(**values):
    """A URL for reading, split."""
    s3 = S3(settings_of(**values))
    url = await s3.presign_get("2026/a.txt", ttl_seconds=60, content_type="text/plain", content_disposition="inline")
    await s3.close(5)
    return urlsplit(url)


@pytest.mark.parametrize("region", ["eu-west-1", "eu-central-1", "us-west-2", "ap-south-1", "me-south-1", "af-south-1"])
async def test_a_bucket_on_aws_is_addressed_by_its_region(region):
    """Case 2: the global host redirects, and no signature survives that."""
    url = await presigned(region=region)
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"https://files.s3.{region}.amazonaws.com/2026/a.txt"


async def test_only_us_east_1_may_have_the_global_host():
    """Case 2."""
    url = await presigned(region="us-east-1")
    assert url.netloc in {"files.s3.amazonaws.com", "files.s3.us-east-1.amazonaws.com"}


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "me-south-1", "auto"])
@pytest.mark.parametrize("endpoint", [None, "http://localhost:9000"])
async def test_every_url_is_signed_with_sigv4(region, endpoint):
    """Case 1: boto3 falls back to SigV2 in silence."""
    query = parse_qs((await presigned(region=region, endpoint_url=endpoint)).query)
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-SignedHeaders"] == ["host"]
    assert query["X-Amz-Expires"] == ["60"]
    assert f"/{region}/s3/aws4_request" in query["X-Amz-Credential"][0]
    assert not query.keys() & {"Signature", "AWSAccessKeyId", "Expires"}


@pytest.mark.parametrize("checksums", ["auto", "required", "supported"])
async def test_no_checksum_is_baked_into_a_url(checksums):
    """Case 16."""
    query = parse_qs((await presigned(checksums=checksums)).query)
    assert [name for name in query if name.lower().startswith(("x-amz-checksum", "x-amz-sdk"))] == []


@pytest.mark.parametrize(
    ("values", "start"),
    [
        ({"endpoint_url": "http://localhost:9000"}, "http://localhost:9000/files/"),
        ({"endpoint_url": "http://store:9000", "addressing_style": "virtual"}, "http://files.store:9000/"),
        ({"endpoint_url": "https://s3.example.com", "addressing_style": "path"}, "https://s3.example.com/files/"),
        ({"bucket_name": "my.files", "region": "eu-west-1"}, "https://s3.eu-west-1.amazonaws.com/my.files/"),
        ({"region": "eu-west-1", "addressing_style": "path"}, "https://s3.eu-west-1.amazonaws.com/files/"),
        ({"region": "eu-west-1", "use_ssl": False}, "http://files.s3.eu-west-1.amazonaws.com/"),
        (
            {"endpoint_url": "http://minio:9000", "public_endpoint_url": "https://files.example.com"},
            "https://files.example.com/files/",
        ),
    ],
)
async def test_the_address_is_the_one_that_the_settings_say(values, start):
    """Cases 3 and 4."""
    assert (await presigned(**values)).geturl().startswith(start)


async def test_the_service_itself_keeps_the_inner_address():
    """Case 4: only the signer knows the public one."""
    s3 = S3(settings_of(endpoint_url="http://minio:9000", public_endpoint_url="https://files.example.com"))
    assert s3.client.meta.endpoint_url == "http://minio:9000"
    assert s3._signer.meta.endpoint_url == "https://files.example.com"
    await s3.close(5)


async def test_temporary_credentials_send_their_token_along():
    query = parse_qs((await presigned(session_token="a/session+token")).query)
    assert query["X-Amz-Security-Token"] == ["a/session+token"]


async def test_a_disposition_with_any_character_is_signed_as_it_is():
    """Case 20."""
    s3 = S3(settings_of())
    disposition = "attachment; filename=\"a.txt\"; filename*=UTF-8''%E2%82%AC%20%22.txt"
    url = await s3.presign_get("k", ttl_seconds=60, content_type="text/html", content_disposition=disposition)
    query = parse_qs(urlsplit(url).query)
    assert query["response-content-disposition"] == [disposition]
    assert query["response-content-type"] == ["text/html"]
    await s3.close(5)


async def test_the_client_waits_briefly_and_has_a_connection_for_every_slot():
    """Cases 26 and 27."""
    s3 = S3(settings_of(max_concurrency=7, connect_timeout_seconds=1.5, read_timeout_seconds=9))
    config = s3.client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (1.5, 9)
    assert config.max_pool_connections >= 7
    assert config.retries["mode"] == "standard"
    await s3.close(5)


async def test_keys_that_do_not_expire_set_no_end():
    s3 = S3(settings_of())
    assert await s3.credentials_lifetime_seconds() is None
    await s3.close(5)


async def test_credentials_of_a_role_say_when_they_end():
    """Case 6: a URL dies with the credentials that signed it."""
    s3 = S3(settings_of())
    ends = datetime.now(UTC) + timedelta(minutes=40)
    keys = {"access_key": "a", "secret_key": "b", "token": "c", "expiry_time": ends.isoformat()}
    role = RefreshableCredentials.create_from_metadata(keys, refresh_using=lambda: keys, method="test")
    s3._session._session._credentials = role
    assert 2390 < await s3.credentials_lifetime_seconds() <= 2400
    await s3.close(5)


def test_without_any_credentials_it_does_not_start():
    with pytest.raises(ConfigurationError, match="S3_ACCESS_KEY_ID"):
        S3(settings_of(access_key_id=None, secret_access_key=None))


@pytest.fixture
def keeper():
    """A server that answers one PUT and keeps its headers and its body as they came."""
    seen: dict[str, object] = {}

    class Keeper(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # answers `Expect: 100-continue`

        def do_PUT(self):
            seen["headers"] = {name.lower(): value for name, value in self.headers.items()}
            seen["body"] = self.rfile.read(int(self.headers["Content-Length"]))
            answer = b"<CopyObjectResult><ETag>1</ETag></CopyObjectResult>"
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_words):
            pass

    with HTTPServer(("127.0.0.1", 0), Keeper) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", seen


@pytest.mark.parametrize(("checksums", "is_sent"), [("auto", False), ("required", False), ("supported", True)])
async def test_another_store_than_aws_gets_no_checksum_it_may_not_know(keeper, checksums, is_sent):
    """Case 15."""
    address, seen = keeper
    s3 = S3(settings_of(endpoint_url=address, checksums=checksums))
    await s3.put("k", b"just these bytes", content_type="text/plain", metadata={"file-id": "1"})
    await s3.close(5)
    assert seen["body"] == b"just these bytes"
    assert any(name.startswith("x-amz-checksum-") for name in seen["headers"]) is is_sent
    assert "x-amz-trailer" not in seen["headers"]


async def test_a_copy_is_pinned_and_says_type_and_metadata_again(keeper):
    """Case 86: a store that is told to replace the metadata forgets what isn't sent again."""
    address, seen = keeper
    s3 = S3(settings_of(endpoint_url=address))
    await s3.copy("from", "to", source_etag='"abc"', content_type="image/png", metadata={"file-id": "1"})
    await s3.close(5)
    expected = {
        "x-amz-copy-source": "files/from",
        "x-amz-copy-source-if-match": '"abc"',
        "x-amz-metadata-directive": "REPLACE",
        "content-type": "image/png",
        "x-amz-meta-file-id": "1",
    }
    assert expected.items() <= seen["headers"].items()


@pytest.mark.parametrize(
    ("values", "headers"),
    [
        ({}, {}),
        ({"encrypt_at_rest": True}, {"x-amz-server-side-encryption": "AES256"}),
        (
            {"encrypt_at_rest": True, "kms_key_id": "arn:aws:kms:1"},
            {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": "arn:aws:kms:1"},
        ),
    ],
)
async def test_objects_are_encrypted_as_the_settings_say(keeper, values, headers):
    address, seen = keeper
    s3 = S3(settings_of(endpoint_url=address, **values))
    await s3.put("k", b"bytes", content_type="text/plain", metadata={})
    await s3.close(5)
    sent = {name: value for name, value in seen["headers"].items() if "encryption" in name}
    assert sent == headers
