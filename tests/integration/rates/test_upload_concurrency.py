"""So many uploads of one caller at once and no more; a place is free again however its upload ended."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager

import pytest

from tests.support.raw_http import FORM_END, FORM_TYPE, form_part, raw_connection
from tests.support.service import wait_until

RAW = "/api/v1/files/raw/slow.bin"
TWO = {"uploads_max_concurrent": 2}


@pytest.fixture
def narrow(start_service):
    """Two uploads a caller."""
    with start_service(rates=TWO) as service:
        yield service


@contextmanager
def under_way(service, subject: str = "alice", method: str = "PUT", path: str = RAW):
    """An upload that the service is waiting for."""
    with raw_connection(service.port) as connection:
        bearer = f"Bearer {service.token(subject)}"
        head = {"Authorization": bearer, "Content-Length": "5", "Expect": "100-continue"}
        connection.send_head(method, path, head)
        assert connection.go_ahead()
        yield connection


@pytest.fixture
def full(narrow):
    """Both places of alice are taken; gives the service and the two connections."""
    with ExitStack() as stack:
        yield narrow, [stack.enter_context(under_way(narrow)) for _ in range(2)]


def send(client) -> int:
    answer = client.put("/files/raw/quick.bin", content=b"quick")
    if answer.status_code == 429:
        assert answer.json()["code"] == "too_many_uploads"
        assert int(answer.headers["Retry-After"]) > 0
    return answer.status_code


def test_one_upload_too_many_is_refused_before_its_body(full):
    service, _ = full
    with raw_connection(service.port) as connection:
        head = {"Authorization": f"Bearer {service.token('alice')}", "Content-Length": str(64 << 20)}
        connection.send_head("PUT", RAW, head)
        answer = connection.answer()
        assert (answer.status, answer.json()["code"]) == (429, "too_many_uploads")
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["connection"] == "close"
        assert connection.sock.recv(1) == b""


def test_all_ways_of_sending_bytes_count(full):
    service, _ = full
    with service.client("alice") as alice:
        form = alice.post("/files/upload", files={"file": ("a.bin", b"form")})
        content = alice.put("/files/01890000-0000-7000-8000-000000000000/content", content=b"new bytes")
        assert [form.status_code, content.status_code, send(alice)] == [429, 429, 429]
        assert {form.json()["code"], content.json()["code"]} == {"too_many_uploads"}


def test_what_sends_no_bytes_is_not_counted(full):
    service, _ = full
    with service.client("alice") as alice:
        assert alice.get("/files").status_code == 200
        wish = {"filename": "a.pdf", "content_type": "application/pdf", "file_size": 1}
        upload = alice.post("/files/uploads", json=wish)
        assert upload.status_code == 201
        assert alice.delete(f"/files/uploads/{upload.json()['upload']['id']}").status_code == 204


def test_one_callers_uploads_are_not_anothers(full):
    service, _ = full
    with service.client("bob") as bob:
        assert send(bob) == 201


def test_a_place_is_free_when_its_upload_is_done(full):
    service, (first, _) = full
    with service.client("alice") as alice:
        assert send(alice) == 429
        first.send(b"bytes")
        assert first.answer().status == 201
        # No waiting: who has the answer may send the next.
        assert send(alice) == 201


def test_a_place_is_free_when_its_upload_is_cut_off(full):
    service, (first, _) = full
    with service.client("alice") as alice:
        assert send(alice) == 429
        first.send(b"by")
        first.sock.close()
        wait_until(lambda: send(alice) == 201)


def test_a_place_is_free_when_its_upload_is_refused(narrow):
    with narrow.client("alice") as alice:
        for _ in range(3):
            assert alice.put("/files/raw/program.exe", content=b"MZ").status_code == 415
            assert alice.post("/files/upload", content=b"no form").status_code == 422
            assert alice.put("/files/raw/a.bin?folder=..", content=b"x").status_code == 422
        assert send(alice) == 201


def test_a_place_is_free_when_its_client_falls_silent(start_service):
    with (
        start_service(rates={"uploads_max_concurrent": 1}, upload={"idle_timeout_seconds": 0.3}) as service,
        under_way(service) as silent,
        service.client("alice") as alice,
    ):
        assert silent.answer().status == 408
        assert send(alice) == 201


def test_a_form_takes_its_place_before_it_is_read(start_service):
    with (
        start_service(rates={"uploads_max_concurrent": 1}) as service,
        service.client("alice") as alice,
        raw_connection(service.port) as connection,
    ):
        head = {"Authorization": f"Bearer {service.token('alice')}", "Content-Type": FORM_TYPE}
        body = form_part("file", b"form", "a.bin") + FORM_END
        head |= {"Content-Length": str(len(body)), "Expect": "100-continue"}
        connection.send_head("POST", "/api/v1/files/upload", head)
        assert connection.go_ahead()
        assert send(alice) == 429
        connection.send(body)
        assert connection.answer().status == 201
        assert send(alice) == 201


def test_a_place_is_free_when_its_request_is_killed(start_service):
    """A service that is told to stop gives running uploads their time and then cancels them."""
    with ExitStack() as stack:
        one = {"uploads_max_concurrent": 1}
        with start_service(rates=one, server={"shutdown_grace_seconds": 1}) as service:
            stack.enter_context(under_way(service))
            shares = service.app.state.transfers.uploads.shares
            assert shares.callers == 1
        assert not shares.callers
