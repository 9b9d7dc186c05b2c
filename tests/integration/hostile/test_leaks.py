"""The scan of all that the suite emits sees what it is there to see, in every place where it could be."""

from __future__ import annotations

import json
import logging
import socketserver
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from threading import Thread
from uuid import uuid4

import httpx
import pytest
import structlog

from tests.support.eavesdropping import WATCH
from tests.support.raw_http import raw_connection
from tests.support.service import SECRET
from tests.support.taps import Tap
from tests.support.tokens import signed

log = structlog.get_logger()
SIGNATURE = "5f0c2f6edeadbeef5f0c2f6edeadbeef"
STRANGER = "0192f3c4-5d6e-7f80-9a1b-2c3d4e5f6071"


@pytest.fixture
def planted(service, parts, bucket, upload, monkeypatch):
    """A secret of each kind; the log's own redaction is taken out."""
    monkeypatch.setattr("app.core.logging.redact", lambda value: value)
    return {
        "the bucket's name": bucket.name,
        "the store's access key id": parts["S3_ACCESS_KEY_ID"],
        "the store's secret key": parts["S3_SECRET_ACCESS_KEY"],
        "the secret of tokens": SECRET,
        "the registry's password": service.settings.database.url.get_secret_value(),
        "a password": "postgresql://holdfast:another-one@db/holdfast",
        "a signature": f"http://store/k?X-Amz-Signature={SIGNATURE}",
        "a credential": "http://store/k?X-Amz-Credential=AKIAEXAMPLE%2F20261121",
        "a token": signed(),
        "an API key": "hf_Zk3v9QpL_4fVt8nCw1XyR7bKd2MsJ6hGq9ZpL0aTe5uWi3oYcBxN",
        "an object's key": upload(b"some words")["s3_key"],
    }


def test_what_is_planted_in_the_log_is_found(planted):
    """Case 21: by our own loggers and by those of libraries, in tracebacks too."""
    WATCH.insist()
    for what, secret in planted.items():
        log.info("planted", nested={"deep": [secret]})
        assert any(line.startswith(f"{what} in the log") for line in WATCH.found()), what
        logging.getLogger("some.library").debug("calling %s", secret)
        assert any(line.startswith(f"{what} in the log") for line in WATCH.found()), what
        log.error("failed", exc_info=ValueError(secret))
        assert any(line.startswith(f"{what} in the log") for line in WATCH.found()), what


def test_a_token_that_a_caller_sent_is_found_whatever_it_looks_like(anonymous, monkeypatch):
    """Case 21."""
    monkeypatch.setattr("app.core.logging.redact", lambda value: value)
    anonymous.get("/files", headers={"Authorization": "Bearer an-opaque-token-of-nobody"})
    log.info("refused", credential="an-opaque-token-of-nobody")
    assert [line for line in WATCH.found() if line.startswith("a token that was sent in the log")]


@pytest.mark.parametrize(
    ("detail", "what"),
    [
        ("no such bucket: {bucket}", "the bucket's name"),
        ("can't reach {endpoint}", "the store's address"),
        (f"belongs to {STRANGER}", "an id that was not asked for"),
        ("asyncpg.exceptions.UniqueViolationError", "our insides"),
        ("Traceback (most recent call last)", "our insides"),
    ],
)
async def test_what_is_planted_in_an_error_body_is_found(service, bucket, detail, what):
    """Case 96."""
    endpoint = service.settings.store.endpoint_url.rpartition("/")[2]
    text = detail.format(bucket=bucket.name, endpoint=endpoint)
    problem = {"type": "urn:holdfast:problem:x", "detail": text}

    async def careless(_scope, _receive, send) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(problem).encode()})

    await asked(careless)
    assert [line for line in WATCH.found() if line.startswith(what)]


async def test_what_is_planted_in_one_of_many_results_is_found():
    """Case 96: a batch answers 200, with problems in it."""
    problem = {"type": "urn:holdfast:problem:x", "detail": f"belongs to {STRANGER}"}
    body = {"results": [{"id": str(uuid4()), "error": problem}]}

    async def careless(_scope, _receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    await asked(careless)
    assert len(WATCH.found()) == 1


async def asked(app) -> None:
    """One request to an app that is listened to."""

    async def nothing(*_arguments):
        return {"type": "http.request"}

    scope = {"type": "http", "path": "/files", "query_string": b"", "headers": []}
    await Tap(app, WATCH)(scope, nothing, nothing)


def test_an_id_that_was_asked_for_may_be_repeated(alice, service):
    """However it is spelt in the request; the answer spells it one way."""
    asked_for = uuid4()
    for path in (f"/files/{asked_for}", f"/files/{asked_for.hex.upper()}"):
        assert alice.get(path).status_code == 404
    with raw_connection(service.port) as connection:
        headers = {"Authorization": alice.headers["Authorization"], "X-Request-ID": str(asked_for)}
        connection.send_head("GET", "/api/v1/nowhere", headers)
        assert connection.answer().json()["request_id"] == str(asked_for)
    assert WATCH.found() == []


def test_what_a_process_of_its_own_writes_is_read_too(tmp_path):
    """Case 21: whatever the test does with its output."""
    settings = {"S3_BUCKET_NAME": "a-bucket-of-mine", "AUTH_JWT_SECRET": "a secret of its own, long enough for all"}
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__main__.py").write_text(
        "import os, sys; print('about', os.environ['S3_BUCKET_NAME'], os.environ['LOG_LEVEL'], file=sys.stderr)"
    )
    subprocess.run(
        [sys.executable, "-m", "app"], cwd=tmp_path, env=settings, check=True, stderr=subprocess.DEVNULL, timeout=60
    )
    assert WATCH.found() == ["S3_BUCKET_NAME in the log: about a-bucket-of-mine DEBUG"]


def test_an_answer_of_a_process_of_its_own_is_read_too():
    """Case 96: by the client that gets it."""
    problem = {"type": "urn:holdfast:problem:x", "detail": f"belongs to {STRANGER}"}
    with socketserver.TCPServer(("127.0.0.1", 0), answering(json.dumps(problem))) as server:
        Thread(target=server.handle_request).start()
        httpx.get(f"http://127.0.0.1:{server.server_address[1]}/files/{uuid4()}")
    assert WATCH.found() == [f"an id that was not asked for ({STRANGER}) in an answer: {json.dumps(problem)}"]


def answering(body: str) -> type[BaseHTTPRequestHandler]:
    class Careless(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Not to the suite's own output."""

    return Careless


def test_the_log_as_it_is_takes_all_of_it_out(planted, monkeypatch):
    """Case 21: what is found above, with the redaction in its place."""
    monkeypatch.undo()
    for secret in planted.values():
        log.info("planted", nested={"deep": [secret]})
        logging.getLogger("some.library").debug("calling %s", secret)
        log.error("failed", exc_info=ValueError(secret))
    assert WATCH.found() == []
