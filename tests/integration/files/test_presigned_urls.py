"""URLs that read from the store directly: signed, bounded, under the host that clients reach."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.support.service import wait_until
from tests.support.states import in_status

CONTENT = b"bytes straight from the store\n"
PUBLIC_URL = "https://files.example.com:8443"


@pytest.fixture
def file(upload):
    return upload(CONTENT)


@pytest.fixture(scope="module")
def public_service(start_service):
    """A service whose clients reach the store under another host than it does itself."""
    with start_service(store={"public_endpoint_url": PUBLIC_URL}) as service:
        yield service


def presign(client, file, **query) -> dict:
    answer = client.get(f"/files/{file['id']}/presigned-url", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "private, no-store"
    return answer.json()


def test_a_url_reads_the_file_without_any_credential(alice, file):
    body = presign(alice, file, expiry=60)
    assert (body["method"], body["expires_in"]) == ("GET", 60)
    left = datetime.fromisoformat(body["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=50) < left <= timedelta(seconds=60)
    answer = httpx.get(body["url"])
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["Content-Type"] == "text/plain"


def test_without_expiry_a_url_lives_as_long_as_the_setting_says(alice, file, service):
    assert presign(alice, file)["expires_in"] == service.settings.store.presigned_url_expiry


@pytest.mark.parametrize(
    ("part", "replaced", "by"),
    [
        ("signature", "X-Amz-Signature=", "X-Amz-Signature=0"),
        ("lifetime", "X-Amz-Expires=60", "X-Amz-Expires=600000"),
        ("disposition", "response-content-disposition=inline", "response-content-disposition=attachment"),
        ("key", "notes.txt?", "other.txt?"),
    ],
)
def test_the_store_refuses_a_url_with_another(alice, file, part, replaced, by):
    url = presign(alice, file, expiry=60)["url"]
    assert replaced in url, part
    assert httpx.get(url.replace(replaced, by)).status_code == 403


def test_the_store_refuses_to_write_or_delete_with_a_url_for_reading(alice, file):
    url = presign(alice, file)["url"]
    assert httpx.put(url, content=b"other bytes").status_code == 403
    assert httpx.delete(url).status_code == 403
    assert alice.get(f"/files/{file['id']}/download").content == CONTENT


def test_the_store_refuses_a_url_whose_time_is_over(alice, file):
    url = presign(alice, file, expiry=1)["url"]
    wait_until(lambda: httpx.get(url).status_code == 403, timeout_seconds=5)


@pytest.mark.parametrize("expiry", ["0", "-5", "604801", "1000000000", "1.5", "abc", ""])
def test_an_expiry_that_s3_would_refuse_is_422(alice, file, expiry):
    """Case 7: boto3 signs any of them."""
    answer = alice.get(f"/files/{file['id']}/presigned-url", params={"expiry": expiry})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["query.expiry"]


def test_the_setting_says_how_long_a_url_lives_at_most(alice, file, service):
    """Case 7: asking for more is no error up to what S3 takes; the answer says how long it lives."""
    assert presign(alice, file, expiry=604_800)["expires_in"] == service.settings.store.presigned_url_max_expiry


def test_an_operator_may_allow_seven_days(start_service, file):
    """Case 7: as long as S3 takes."""
    with start_service(store={"presigned_url_max_expiry": 604_800}) as service, service.client("alice") as client:
        assert presign(client, file, expiry=604_800)["expires_in"] == 604_800


def test_whoever_does_not_own_the_file_gets_a_shorter_url(start_service, anonymous, admin, upload):
    file = upload(CONTENT, is_public="true")
    longest = {"presigned_url_max_expiry_shared": 60, "download_url_expiry": 90}
    with start_service(store=longest) as service, service.client(None) as nobody, service.client("alice") as owner:
        assert presign(nobody, file)["expires_in"] == 60
        redirected = nobody.get(f"/files/{file['id']}/download", params={"redirect": True}).headers["Location"]
        assert parse_qs(urlsplit(redirected).query)["X-Amz-Expires"] == ["60"]
        assert presign(owner, file, expiry=7200)["expires_in"] == 7200
    assert presign(admin, file, expiry=604_800)["expires_in"] == 86_400
    assert presign(anonymous, file, expiry=604_800)["expires_in"] == 3600


def test_no_url_outlives_its_file(alice, upload):
    ends = datetime.now(UTC) + timedelta(seconds=30)
    file = upload(CONTENT, expires_at=ends.isoformat())
    body = presign(alice, file, expiry=3600)
    assert 20 < body["expires_in"] <= 30
    assert datetime.fromisoformat(body["expires_at"]) <= ends
    assert parse_qs(urlsplit(body["url"]).query)["X-Amz-Expires"] == [str(body["expires_in"])]


def test_a_file_with_less_than_a_second_to_live_gets_no_url(alice, upload, registry):
    """A URL lives for one second at least, so it would outlive the file."""
    file = upload(CONTENT)
    registry.rows("UPDATE file_uploads SET expires_at = now() + interval '900 milliseconds' WHERE id = $1", file["id"])
    assert alice.get(f"/files/{file['id']}/presigned-url").status_code == 404


@pytest.mark.parametrize(("forced", "kind"), [(False, "inline"), (True, "attachment")])
def test_force_download_makes_a_browser_save_it(alice, file, forced, kind):
    answer = httpx.get(presign(alice, file, force_download=forced)["url"])
    assert answer.headers["Content-Disposition"].split(";")[0] == kind


def test_urls_carry_the_public_host_while_the_service_uses_its_own(public_service, file):
    """Case 4: the host is part of the signature, so it's signed, never replaced."""
    with public_service.client("alice") as client:
        url = urlsplit(presign(client, file)["url"])
        assert f"{url.scheme}://{url.netloc}" == PUBLIC_URL
        assert client.get(f"/files/{file['id']}/download").content == CONTENT
        redirect = client.get(f"/files/{file['id']}/download", params={"redirect": True})
        assert redirect.headers["Location"].startswith(PUBLIC_URL)


def test_a_url_signed_for_one_host_is_refused_under_another(public_service, service, file):
    """Case 4: what replacing the host in a URL gives."""
    with public_service.client("alice") as client:
        url = presign(client, file)["url"]
    assert httpx.get(url.replace(PUBLIC_URL, service.settings.store.endpoint_url)).status_code == 403


def test_a_redirect_leads_to_a_url_that_works(alice, file, service):
    answer = alice.get(f"/files/{file['id']}/download", params={"redirect": True})
    assert answer.status_code == 307
    assert answer.headers["Cache-Control"] == "private, no-store"
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["X-Amz-Expires"] == [str(service.settings.store.download_url_expiry)]
    assert httpx.get(answer.headers["Location"]).content == CONTENT


def test_a_client_that_follows_the_redirect_gets_the_bytes(alice, file):
    """Case 62: httpx drops the bearer token on the way to another host, as the store wants it."""
    answer = alice.get(f"/files/{file['id']}/download", params={"redirect": True}, follow_redirects=True)
    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize("path", ["presigned-url", "download?redirect=true"])
def test_there_is_no_url_for_what_can_not_be_read(alice, bob, anonymous, upload, registry, path):
    """Cases 22 and 90."""
    file = upload(CONTENT)
    url = f"/files/{file['id']}/{path}"
    assert bob.get(url).status_code == 404
    assert anonymous.get(url).status_code == 401
    with in_status(registry, file["id"], "pending"):
        assert alice.get(url).status_code == 409
    alice.delete(f"/files/{file['id']}")
    assert alice.get(url).status_code == 404


def test_signing_takes_no_round_trip(alice, file):
    started = time.perf_counter()
    for _ in range(20):
        presign(alice, file)
    assert time.perf_counter() - started < 2


def test_many_urls_at_once_each_with_its_own_result(alice, bob, upload):
    mine = [upload(f"file {number}".encode()) for number in range(3)]
    stranger = bob.post("/files/upload", files={"file": ("a.txt", b"not alice's")}).json()
    deleted = upload(b"deleted")
    alice.delete(f"/files/{deleted['id']}")
    ids = [mine[0]["id"], stranger["id"], mine[1]["id"], deleted["id"], mine[2]["id"]]
    answer = alice.post("/files/presigned-urls", json={"ids": ids, "expiry": 60, "force_download": True})
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [result["id"] for result in results] == ids
    assert [result["status"] for result in results] == [200, 404, 200, 404, 200]
    assert results[1]["error"]["code"] == "file_not_found"
    got = httpx.get(results[2]["url"]["url"])
    assert got.content == b"file 1"
    assert got.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("ids", [[], ["x"], ["0192f3c4-0000-7000-8000-000000000000"] * 1001])
def test_a_list_of_no_use_is_refused(alice, ids):
    answer = alice.post("/files/presigned-urls", json={"ids": ids})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
