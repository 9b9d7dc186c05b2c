"""No signature, token or password in the log, whichever way it gets there."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from app.core.logging import hide, redact

API_KEY = "hf_Zk3v9QpL_4fVt8nCw1XyR7bKd2MsJ6hGq9ZpL0aTe5uWi3oYcBxN"
SIGNATURE = "5f0c2f6edeadbeef5f0c2f6edeadbeef"
URL = (
    "http://store:9000/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAEXAMPLE%2F20261120&X-Amz-Expires=60"
    f"&X-Amz-SignedHeaders=host&X-Amz-Security-Token=session%2Ftoken&X-Amz-Signature={SIGNATURE}"
)
SECRETS = (SIGNATURE, "AKIAEXAMPLE", "session%2Ftoken", "eyJhbGciOi.J9.abc-_", "hunter2", "AAAApolicy", API_KEY[12:])


@pytest.mark.parametrize(
    "value",
    [
        URL,
        URL.lower(),
        URL.replace("X-Amz-", "x_amz_"),
        f"GET {URL} HTTP/1.1 403",
        f"https://b.s3.amazonaws.com/k?AWSAccessKeyId=AKIAEXAMPLE&Signature={SIGNATURE}&Expires=1",
        "policy=AAAApolicy&x-amz-signature=" + SIGNATURE,
        "Authorization: Bearer eyJhbGciOi.J9.abc-_",
        f"Authorization: Bearer {API_KEY}",
        f"somebody pasted {API_KEY} here",
        f"GET /api/v1/files?key={API_KEY}&limit=1",
        {"name": API_KEY, API_KEY: [API_KEY.encode()]},
        f"Authorization: AWS4-HMAC-SHA256 SignedHeaders=host, Signature={SIGNATURE}",
        "postgresql+asyncpg://holdfast:hunter2@db:5432/holdfast",
        {"url": "/hunter2"},
        {"Authorization": "hunter2", "password": "hunter2", "token": "hunter2"},
        {"X-Amz-Signature": SIGNATURE, "x_amz_security_token": "hunter2", "X-Amz-Credential": "AKIAEXAMPLE"},
        {"AWSAccessKeyId": "AKIAEXAMPLE", "secret_access_key": "hunter2", "jwt_secret": "hunter2"},
        [{"deep": (URL, [URL])}],
        {"a": {"b": {"c": f"see {URL}"}}},
        URL.encode(),
        ValueError(URL),
        {URL: 1},
    ],
)
def test_no_secret_is_left(value):
    """Case 21."""
    assert [secret for secret in SECRETS if secret.lower() in str(redact(value)).lower()] == []


@pytest.mark.parametrize(
    "value",
    ["s3_file_uploaded", {"file_id": "1", "size_bytes": 7}, 7, None, True, ["a", {"b": 1.5}], "a policy, a key"],
)
def test_what_is_no_secret_is_left_as_it_is(value):
    assert redact(value) == value


def test_an_api_key_keeps_its_prefix():
    assert redact(f"with {API_KEY}.") == "with hf_Zk3v9QpL_[redacted]."


KEY = "a/2026/11/20/5f0c2f6e-0000-7000-8000-5f0c2f6e5f0c_Q3_resume.pdf"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl refused", "token [redacted] refused"),
        (f"Failed to parse headers (url=http://store:9000/b/{KEY})", "Failed to parse headers (url=http://store:9000/[redacted])"),
        ('Could not connect to "https://b.s3.eu-west-1.amazonaws.com"', 'Could not connect to "https://[redacted].s3.eu-west-1.amazonaws.com"'),
        ("may not s3:PutObject on arn:aws:s3:::b/k because", "may not s3:PutObject on arn:aws:s3:::[redacted] because"),
        (f"lost {KEY}", "lost a/2026/11/20/[redacted]"),
        ("DETAIL:  Key (owner_id, key)=(alice, 7) already exists.", "DETAIL:  Key (owner_id, key)=[redacted]"),
        ("DETAIL:  Failing row contains (1, alice, null).\nmore", "DETAIL:  Failing row contains [redacted]\nmore"),
        ("invalid input for query argument $1: 'alice' (of str)", "invalid input for query argument $1: [redacted]"),
    ],
)  # fmt: skip
def test_what_names_objects_and_rows_is_taken_out(text, left):
    """Case 96."""
    assert redact(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "5f0c2f6e-0000-7000-8000-5f0c2f6e5f0c. Next",
        "Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)",
        "(Background on this error at: https://sqlalche.me/e/20/4xp6)",
    ],
)
def test_ids_and_addresses_without_a_path_are_left(text):
    assert redact(text) == text


def test_what_is_hidden_is_taken_out_wherever_it_stands(monkeypatch):
    """Case 21: a secret needs no name beside it; a bucket's name that is a word is left in other words."""
    monkeypatch.setattr("app.core.logging._hidden", {})
    hide(["wJalrXUtnFEMI/K7MDENG", "documents", "short", ""])
    assert redact("xwJalrXUtnFEMI/K7MDENGx") == "x[redacted]x"
    assert redact({"detail": ["bucket documents", '"documents"']}) == {"detail": ["bucket [redacted]", '"[redacted]"']}
    assert redact("/srv/documents/app my-documents short") == "/srv/documents/app my-documents short"


SCENARIO = f"""
import logging, sys, boto3, structlog
from app.core.logging import configure_logging
configure_logging("DEBUG", sys.argv[1])
url = {URL!r}
log = structlog.get_logger()
log.info("url_made", link=url, nested={{"deep": [url]}})
log.info("formatted %s", url)
log.warning("pasted", name="my key {API_KEY}")
logging.getLogger("uvicorn.access").info('GET %s 200', url)
logging.getLogger("some.library").debug("calling " + url, extra={{"header": "Bearer eyJhbGciOi.J9.abc-_"}})
client = boto3.client("s3", aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="hunter2", region_name="eu-west-1",
                      endpoint_url="http://127.0.0.1:1",
                      config=boto3.session.Config(retries={{"total_max_attempts": 1}}))
client.generate_presigned_url("get_object", Params={{"Bucket": "b", "Key": "k"}})
try:
    client.get_object(Bucket="b", Key="k")
except Exception:
    log.exception("store_failed")
try:
    try:
        raise ValueError(url)
    except ValueError as error:
        raise RuntimeError("while reading postgresql://u:hunter2@db/x") from error
except RuntimeError as error:
    log.error("request_failed", exc_info=error)
    logging.getLogger("asyncio").exception("lost")
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_whole_scenario_at_debug_leaks_nothing(form):
    """Case 21: our own events, those of libraries, tracebacks with their causes."""
    command = [sys.executable, "-c", SCENARIO, form]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    written = done.stdout + done.stderr
    assert [secret for secret in SECRETS if secret in written] == []
    for event in ("url_made", "GET http://store:9000", "calling", "store_failed", "request_failed", "lost"):
        assert event in written
    if form == "json":
        assert all(json.loads(line)["timestamp"].endswith("Z") for line in done.stderr.splitlines())
