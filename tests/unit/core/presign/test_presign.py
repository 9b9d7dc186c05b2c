"""What the presigner gives and refuses, and whose credentials it takes. No server is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import perf_counter
from urllib.parse import parse_qs, urlsplit

import boto3
import botocore
import pytest
from botocore.config import Config
from botocore.credentials import Credentials, RefreshableCredentials

from app.config import ConfigurationError
from app.core.presign.presigner import Presigner

NOW = datetime(2026, 11, 21, 10, 30, 15, 999_999, tzinfo=UTC)
CHECKSUM = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
FORM = "application/x-www-form-urlencoded; charset=utf-8"


def client_of(*, credentials=("AKIAEXAMPLE", "secret"), signature_version="s3v4", **options):
    return boto3.Session().client(
        "s3",
        region_name="eu-west-1",
        aws_access_key_id=credentials[0],
        aws_secret_access_key=credentials[1],
        config=Config(signature_version=signature_version, s3={"addressing_style": "virtual"}),
        **options,
    )


@pytest.fixture(scope="module")
def presigner():
    return Presigner(client_of(), "files", clock=lambda: NOW)


def query_of(request) -> dict[str, str]:
    return {name: value for name, [value] in parse_qs(urlsplit(request.url).query, keep_blank_values=True).items()}


def test_a_put_signs_every_header_and_lists_what_client_code_sets(presigner):
    """Cases 1, 9, 10: what is declared is pinned; no browser lets code set `Content-Length`."""
    headers = {"content-length": "5", "Content-Type": "text/plain", "If-None-Match": "*", "x-amz-meta-id": "1"}
    request = presigner.put("2026/a.txt", ttl_seconds=60, headers=headers)
    assert request.method == "PUT"
    assert urlsplit(request.url).netloc == "files.s3.eu-west-1.amazonaws.com"
    assert query_of(request)["X-Amz-SignedHeaders"] == "content-length;content-type;host;if-none-match;x-amz-meta-id"
    assert request.headers == {"Content-Type": "text/plain", "If-None-Match": "*", "x-amz-meta-id": "1"}


def test_a_part_signs_its_host_alone_unless_more_is_given(presigner):
    """Cases 9 and 16."""
    request = presigner.parts("2026/a.bin", "id", ttl_seconds=60).url(3)
    assert (request.method, request.headers) == ("PUT", {})
    query = query_of(request)
    assert (query["uploadId"], query["partNumber"], query["X-Amz-SignedHeaders"]) == ("id", "3", "host")
    assert not [name for name in query if "checksum" in name.lower() or "sdk" in name.lower()]


def test_a_part_signs_length_and_checksum_where_given(presigner):
    request = presigner.parts("k", "id", ttl_seconds=60).url(3, content_length=5, checksum_sha256=CHECKSUM)
    assert query_of(request)["X-Amz-SignedHeaders"] == "content-length;host;x-amz-checksum-sha256"
    assert request.headers == {"x-amz-checksum-sha256": CHECKSUM}


def test_urls_say_truly_when_they_end(presigner):
    """The store reckons from whole seconds."""
    parts = presigner.parts("k", "id", ttl_seconds=90)
    request = presigner.put("k", ttl_seconds=90, headers={})
    ends = datetime(2026, 11, 21, 10, 31, 45, tzinfo=UTC)
    assert request.expires_at == parts.expires_at == parts.url(1).expires_at == ends
    assert (query_of(request)["X-Amz-Date"], query_of(request)["X-Amz-Expires"]) == ("20261121T103015Z", "90")


def test_a_type_that_boto3_leaves_out_is_signed_all_the_same(presigner):
    """botocore takes this one for its own default and drops it in silence: any type could be sent then."""
    request = presigner.put("k", ttl_seconds=60, headers={"Content-Type": FORM})
    assert query_of(request)["X-Amz-SignedHeaders"] == "content-type;host"
    assert request.headers == {"Content-Type": FORM}


@pytest.mark.parametrize("ttl_seconds", [0, -5, 604_801, 10**9])
def test_a_lifetime_that_s3_would_refuse_is_refused(presigner, ttl_seconds):
    """Case 7: boto3 signs any of them."""
    with pytest.raises(ValueError, match="604800"):
        presigner.put("k", ttl_seconds=ttl_seconds, headers={})
    with pytest.raises(ValueError, match="604800"):
        presigner.parts("k", "id", ttl_seconds=ttl_seconds)


@pytest.mark.parametrize("key", ["", "\ud800"])
def test_a_key_that_no_object_can_have_is_refused(presigner, key):
    with pytest.raises(ValueError):
        presigner.put(key, ttl_seconds=60, headers={})
    with pytest.raises(ValueError):
        presigner.parts(key, "id", ttl_seconds=60)


@pytest.mark.parametrize("number", [0, -1, 10_001])
def test_a_part_number_that_s3_does_not_have_is_refused(presigner, number):
    with pytest.raises(ValueError, match="10000"):
        presigner.parts("k", "id", ttl_seconds=60).url(number)


@pytest.mark.parametrize(
    "options",
    [{"content_length": -1}, {"checksum_sha256": "ab" * 32}, {"checksum_sha256": f"{CHECKSUM}\n"}],
    ids=["negative length", "checksum in hex", "line feed"],
)
def test_a_part_of_an_impossible_length_or_checksum_is_refused(presigner, options):
    with pytest.raises(ValueError):
        presigner.parts("k", "id", ttl_seconds=60).url(1, **options)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain\r\nx-amz-acl: public-read"},
        {"x-amz-meta-name": "é"},
        {"x-amz-meta a": "1"},
        {"x:y": "1"},
        {"": "1"},
        {"Content-Type": "a/b", "content-type": "c/d"},
        {"Host": "elsewhere"},
        {"X-Amz-Content-Sha256": "0" * 64},
        {"X-Amz-Security-Token": "other"},
        {"Authorization": "AWS4-HMAC-SHA256 ..."},
        {"User-Agent": "left out by botocore"},
        {"Expect": "100-continue"},
    ],
    ids=str,
)
def test_a_header_that_would_not_be_pinned_is_refused(presigner, headers):
    with pytest.raises(ValueError):
        presigner.put("k", ttl_seconds=60, headers=headers)


@pytest.mark.parametrize("signature_version", ["s3", botocore.UNSIGNED], ids=["SigV2", "unsigned"])
def test_a_client_that_does_not_sign_with_sigv4_is_refused(signature_version):
    """Case 1: SigV2 would drop signed headers in silence."""
    with pytest.raises(ConfigurationError, match=r"SigV4|credentials"):
        Presigner(client_of(signature_version=signature_version), "files")


def test_a_client_without_credentials_is_refused():
    client = client_of()
    client._request_signer._credentials = None
    with pytest.raises(ConfigurationError, match="S3_ACCESS_KEY_ID"):
        Presigner(client, "files")


def test_a_client_whose_urls_are_signed_in_another_way_is_refused():
    """Better no start than URLs that every store refuses: here an event handler adds a header to all of them."""
    client = client_of()
    client.meta.events.register("before-sign.s3.*", lambda request, **_: request.headers.add_header("x-own", "1"))
    with pytest.raises(ConfigurationError):
        Presigner(client, "files")


def test_static_credentials_never_block(presigner):
    assert presigner.may_block is False


def test_credentials_that_end_are_fetched_again_before_signing():
    """Case 6: a batch is signed by one key; the next batch has the new one, token and all."""
    fetched = []

    def fetch():
        fetched.append(len(fetched))
        ends = datetime.now(UTC) + timedelta(minutes=5 if len(fetched) == 1 else 60)
        name = f"KEY{len(fetched)}"
        return {"access_key": name, "secret_key": "s", "token": f"of {name}", "expiry_time": ends.isoformat()}

    client = client_of()
    role = RefreshableCredentials.create_from_metadata(fetch(), refresh_using=fetch, method="test")
    client._request_signer._credentials = Credentials("STATIC", "s")
    presigner = Presigner(client, "files")
    client._request_signer._credentials = role
    assert presigner.may_block is True
    presigner.renew_credentials()
    parts = presigner.parts("k", "id", ttl_seconds=60)
    assert presigner.may_block is False
    assert {query_of(parts.url(number))["X-Amz-Security-Token"] for number in (1, 2, 3)} == {"of KEY2"}
    assert query_of(parts.url(1))["X-Amz-Credential"].startswith("KEY2/")


def test_signing_is_several_times_as_fast_as_boto3s():
    """A loose bound that a busy machine keeps; `python -m bench.presign` has the figures."""
    client = client_of()
    parts = Presigner(client, "files").parts("2026/11/21/a.bin", "id", ttl_seconds=60)
    parameters = {"Bucket": "files", "Key": "2026/11/21/a.bin", "UploadId": "id", "PartNumber": 7}

    def best(sign) -> float:
        rounds = []
        for _ in range(20):
            started = perf_counter()
            for _ in range(20):
                sign()
            rounds.append(perf_counter() - started)
        return min(rounds)

    theirs = best(lambda: client.generate_presigned_url("upload_part", Params=parameters))
    assert best(lambda: parts.url(7)) < theirs / 5
