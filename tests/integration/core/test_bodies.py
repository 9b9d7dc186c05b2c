"""Bodies that are read whole share the memory that is set aside for them, and give it back however they end."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.support.problems import problem_of
from tests.support.raw_http import raw_connection
from tests.support.service import wait_until

pytestmark = pytest.mark.compared_once
SOME_ID = "01890000-0000-7000-8000-000000000000"
AS_JSON = {"Content-Type": "application/json"}


@pytest.fixture
def small(start_service):
    with start_service(body={"buffer_max_mb": 8, "buffer_max_mb_per_caller": 8}) as service:
        yield service


def begin(service, subject: str, connection, framing: dict[str, str]) -> None:
    head = {"Authorization": f"Bearer {service.token(subject)}", **AS_JSON, **framing}
    connection.send_head("POST", "/api/v1/files/uploads", head)


@pytest.mark.parametrize("framing", ["declared", "chunked"])
def test_what_has_arrived_counts_until_the_request_ends(small, framing):
    bodies = small.app.state.bodies
    header = {"Content-Length": "1000000"} if framing == "declared" else {"Transfer-Encoding": "chunked"}
    with ExitStack() as stack:
        held = 0
        for _ in range(9):
            connection = stack.enter_context(raw_connection(small.port))
            begin(small, "alice", connection, header)
            piece = b" " * 900_000
            (connection.send if framing == "declared" else connection.send_chunk)(piece)
            held += len(piece)
            wait_until(lambda held=held: bodies.held_bytes >= held)
        last = stack.enter_context(raw_connection(small.port))
        begin(small, "alice", last, header)
        (last.send if framing == "declared" else last.send_chunk)(b" " * 600_000)
        answer = last.answer()
        assert (answer.status, answer.json()["code"]) == (429, "rate_limited")
        assert (answer.headers["retry-after"], answer.headers["connection"]) == ("1", "close")
        # The address has used up its share, too.
        with small.client("bob") as bob:
            refused = bob.post("/files/presigned-urls", content=b" " * 600_000, headers=AS_JSON)
            assert (refused.status_code, problem_of(refused)["code"]) == (429, "rate_limited")
    wait_until(lambda: bodies.held_bytes == 0)
    with small.client("bob") as bob:
        assert bob.post("/files/presigned-urls", json={"ids": [SOME_ID]}).status_code == 200
    assert bodies.held_bytes == 0


def test_a_length_that_is_only_announced_takes_nothing(small):
    with ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(raw_connection(small.port))
            begin(small, "alice", connection, {"Content-Length": "1000000", "Expect": "100-continue"})
            assert connection.go_ahead()
        with small.client("alice") as alice:
            assert alice.post("/files/presigned-urls", json={"ids": [SOME_ID]}).status_code == 200


def test_an_answer_lists_twenty_errors_and_counts_all_of_them(alice):
    wanted = {"part_numbers": [1], "checksums": {str(number): "x" for number in range(1, 101)}}
    problem = problem_of(alice.post(f"/files/uploads/{SOME_ID}/parts", json=wanted))
    assert (len(problem["errors"]), problem["error_count"]) == (20, 100)
    assert problem["detail"] == "100 fields are wrong; errors lists the first 20."
    one = problem_of(alice.post(f"/files/uploads/{SOME_ID}/parts", json={"part_numbers": [0, "x"]}))
    assert (len(one["errors"]), one["error_count"]) == (1, 1)


@pytest.mark.parametrize("path", ["/files/upload", "/files/raw/a.txt"])
def test_forms_and_queries_list_twenty_errors_too(alice, path):
    odd = {f"odd{number}": "x" for number in range(40)}
    if path.endswith("upload"):
        answer = alice.post(path, data=odd, files={"file": ("a.txt", b"words")})
    else:
        answer = alice.put(path, params=odd, content=b"words")
    assert answer.status_code == 422
    assert len(problem_of(answer)["errors"]) <= 20


def test_json_is_utf_8(alice):
    wanted = '{"ids": ["' + SOME_ID + '"]}'
    for encoding, status in (("utf-8", 200), ("utf-8-sig", 200), ("utf-16", 422), ("utf-32", 422)):
        answer = alice.post("/files/presigned-urls", content=wanted.encode(encoding), headers=AS_JSON)
        assert answer.status_code == status, encoding
